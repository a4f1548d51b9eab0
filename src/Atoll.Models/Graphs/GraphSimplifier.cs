namespace Atoll.Models;

/// <summary>
/// Removes what need not run: constant results, identities, dropout in inference, and nodes that nothing reads.
/// </summary>
public static class GraphSimplifier
{
    /// <summary>
    /// Simplifies in place; shapes must have been inferred. Results past the folding limits stay as nodes.
    /// </summary>
    public static void Run(Graph graph, ModelLimits? limits = null)
    {
        var bounds = limits ?? ModelLimits.Default;
        var budget = bounds.FoldElementsTotalMax;
        var aliases = new Dictionary<GraphValue, GraphValue>();
        var outputs = graph.Outputs.ToHashSet();
        foreach (var node in graph.Nodes)
        {
            Redirect(node.Inputs, aliases);
            if (IsPassThrough(node) && !outputs.Contains(node.Outputs[0]!))
            {
                aliases[node.Outputs[0]!] = node.Inputs[0]!;
            }
            else
            {
                Fold(node, bounds, ref budget);
            }
        }
        RemoveDead(graph);
    }

    private static void Redirect(List<GraphValue?> inputs, Dictionary<GraphValue, GraphValue> aliases)
    {
        for (var i = 0; i < inputs.Count; i++)
        {
            inputs[i] = inputs[i] is { } input ? aliases.GetValueOrDefault(input, input) : null;
        }
    }

    /// <summary>The output is the first input; a dropout whose mask is asked for is kept.</summary>
    private static bool IsPassThrough(GraphNode node) => node.Domain.Length == 0 &&
        node.Outputs[0] is { IsConstant: false } &&
        (node.Operator == "Identity" || (node.Operator == "Dropout" && !NoOpRemoval.MayTrain(node) &&
            node.Outputs.Skip(1).All(o => o is null)) ||
        (node.Operator == "Cast" && node.Inputs[0]!.Type == node.Outputs[0]!.Type));

    private static void Fold(GraphNode node, ModelLimits limits, ref long budget)
    {
        if (node.Outputs.TrueForAll(o => o is null || o.IsConstant))
        {
            return;
        }
        var definition = OperatorTable.Find(node);
        if (definition.IsHeavy || !node.Inputs.TrueForAll(i => i is null || i.IsConstant) ||
            !node.Outputs.TrueForAll(o => o is null || o.IsStatic))
        {
            return;
        }
        // Work follows the larger of what is read and what is written.
        var read = node.Inputs.Sum(i => i?.Constant?.ElementCount ?? 0);
        var written = node.Outputs.Sum(o => o is null ? 0 : limits.CountElements(o.Shape, $"tensor '{o.Name}'"));
        if (written > limits.FoldElementsMax || read + written > budget)
        {
            return;
        }
        budget -= read + written;
        var results = ReferenceInterpreter.Evaluate(node, node.Inputs.Select(i => i?.Constant), limits);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            node.Outputs[i]?.Constant = results[i] as Tensor;
        }
    }

    private static void RemoveDead(Graph graph)
    {
        var read = graph.Outputs.ToHashSet();
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            if (node.Outputs.Exists(o => o is not null && !o.IsConstant && read.Contains(o)))
            {
                read.UnionWith(node.Inputs.OfType<GraphValue>());
                continue;
            }
            foreach (var output in node.Outputs)
            {
                output?.Producer = null;
            }
            graph.Nodes.RemoveAt(i);
        }
    }
}
