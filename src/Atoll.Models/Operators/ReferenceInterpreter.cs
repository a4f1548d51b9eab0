namespace Atoll.Models;

/// <summary>
/// Runs a graph node by node with the scalar reference evaluators: slow, plain, and the truth that compiled programs
/// are tested against.
/// </summary>
public static class ReferenceInterpreter
{
    /// <param name="graph">A graph as it was loaded, specialised or simplified.</param>
    /// <param name="inputs">One tensor per graph input, in its order.</param>
    /// <param name="limits">What the model may ask for.</param>
    /// <returns>One tensor per graph output.</returns>
    /// <exception cref="ModelException">An input is missing or does not fit, a node cannot be computed, or an output
    /// is no tensor.</exception>
    public static Tensor[] Run(Graph graph, IReadOnlyList<Tensor> inputs, ModelLimits? limits = null) =>
        Array.ConvertAll(RunValues(graph, inputs, limits), value => value as Tensor ?? throw new ModelException(
            ModelError.UnsupportedType, $"an output of graph '{graph.Name}' is a {value.Container}"));

    /// <summary>The same for inputs and outputs of any kind.</summary>
    public static ModelValue[] RunValues(Graph graph, IReadOnlyList<ModelValue> inputs, ModelLimits? limits = null) =>
        Run(graph, inputs, new RunBudget(limits ?? ModelLimits.Default));

    internal static ModelValue[] Run(Graph graph, IReadOnlyList<ModelValue> inputs, RunBudget budget)
    {
        RunInputs.Check(graph, inputs);
        var values = new Dictionary<GraphValue, ModelValue>();
        foreach (var (declared, given) in graph.Inputs.Zip(inputs))
        {
            values[declared] = given;
        }
        foreach (var node in graph.Nodes)
        {
            Evaluate(node, values, budget);
        }
        return [.. graph.Outputs.Select(o => Value(o, values))];
    }

    /// <summary>Computes one node from its inputs.</summary>
    internal static ModelValue[] Evaluate(GraphNode node, IEnumerable<ModelValue?> inputs, ModelLimits limits) =>
        OperatorTable.Find(node).Run(Prepare(node, inputs, new RunBudget(limits)));

    /// <summary>A call whose output shapes are inferred and within the limits.</summary>
    internal static OperatorCall Prepare(GraphNode node, IEnumerable<ModelValue?> inputs, RunBudget budget)
    {
        budget.Cancellation.ThrowIfCancellationRequested();
        var call = OperatorCall.Of(node, inputs, budget);
        OperatorTable.Find(node).Infer(call);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (call.Output(i).Shape is { } shape)
            {
                budget.Limits.CountElements(shape, $"node {node}: output {i}");
            }
        }
        return call;
    }

    private static void Evaluate(GraphNode node, Dictionary<GraphValue, ModelValue> values, RunBudget budget)
    {
        var call = Prepare(node, node.Inputs.Select(v => v is null ? null : Value(v, values)), budget);
        var results = OperatorTable.Find(node).Run(call);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i] is { } output)
            {
                values[output] = results[i];
            }
        }
    }

    private static ModelValue Value(GraphValue value, Dictionary<GraphValue, ModelValue> values) =>
        values.GetValueOrDefault(value) ?? value.Constant ??
        throw new ModelException(ModelError.MissingTensor, $"tensor '{value.Name}' has no value");
}
