namespace Atoll.Models;

/// <summary>
/// A graph of concrete shapes as steps over planned memory: everything but the addresses. Shared by all instances of
/// its shapes.
/// </summary>
internal sealed class LoweredProgram
{
    private LoweredProgram(string name, LoweringContext context, ArenaPlan arena, Graph graph, long weightBytes)
    {
        // A subgraph need not have a name.
        Name = name.Length > 0 ? name : "graph";
        Steps = context.Steps;
        Arena = arena;
        Inputs = [.. graph.Inputs.Select(TensorSpec.Of)];
        Outputs = [.. graph.Outputs.Select(TensorSpec.Of)];
        Statistics = new ModelStatistics(arena.Bytes, arena.UnsharedBytes, weightBytes, Steps.Count);
    }

    public string Name { get; }

    public IReadOnlyList<LoweredStep> Steps { get; }

    public ArenaPlan Arena { get; }

    public IReadOnlyList<TensorSpec> Inputs { get; }

    public IReadOnlyList<TensorSpec> Outputs { get; }

    public ModelStatistics Statistics { get; }

    /// <summary>Lowers a fused graph whose shapes are all known.</summary>
    /// <exception cref="ModelException">A shape is unknown, or an operator cannot be compiled.</exception>
    public static LoweredProgram Of(Graph graph, CompileOptions options, long weightBytes)
    {
        SupportCheck.Require(graph, graph.Nodes.Where(n => !IsFolded(n) && !NodeLowerings.Has(n)));
        RequireNumbers(graph);
        var context = new LoweringContext(graph, options);
        foreach (var node in graph.Nodes.Where(n => !IsFolded(n)))
        {
            Lower(node, context);
        }

        context.FinishOutputs();
        var arena = ArenaPlanner.Plan(context.Steps);
        if (options.CheckPlans && ArenaPlanChecker.FindFault(context.Steps, arena) is { } fault)
        {
            throw new InvalidOperationException($"the memory plan of '{graph.Name}' is wrong: {fault}");
        }

        return new LoweredProgram(graph.Name, context, arena, graph, weightBytes);
    }

    private static void RequireNumbers(Graph graph)
    {
        if (graph.Inputs.Concat(graph.Outputs).FirstOrDefault(v =>
            v.Container is not null || v.Type == ElementType.String) is { } other)
        {
            throw new ModelException(ModelError.UnsupportedType, $"graph '{graph.Name}': '{other.Name}' is " +
                $"{other.Container?.ToString() ?? "of strings"}, which no device holds");
        }
    }

    private static bool IsFolded(GraphNode node) => node.Outputs.TrueForAll(o => o is null || o.IsConstant);

    private static void Lower(GraphNode node, LoweringContext context)
    {
        foreach (var output in node.Outputs.OfType<GraphValue>())
        {
            if (!output.IsStatic)
            {
                throw new ModelException(ModelError.DataDependentShape,
                    $"{node} (opset {node.Opset}): the shape of {output} depends on values known only at run time");
            }
        }

        try
        {
            NodeLowerings.Lower(node, context);
        }
        catch (Exception e) when (e is NotSupportedException or ArgumentException or OverflowException)
        {
            throw new ModelException(ModelError.UnsupportedOperator, $"{node} (opset {node.Opset}): {e.Message}", e);
        }
    }
}
