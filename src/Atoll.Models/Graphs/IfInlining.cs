namespace Atoll.Models;

/// <summary>
/// Puts the branch that is taken in the place of an If whose condition is known, so that what exporters write for
/// shapes stays one static graph.
/// </summary>
internal static class IfInlining
{
    /// <summary>Infers shapes, puts branches in, and infers again until nothing is left to do.</summary>
    public static void InferAndApply(Graph graph, ModelLimits limits)
    {
        ShapeInference.Run(graph, limits);
        while (Apply(graph))
        {
            ShapeInference.Run(graph, limits);
        }
    }

    private static bool Apply(Graph graph)
    {
        var changed = false;
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            if (!node.Is("If") || node.In(0)?.Constant is not { } condition)
            {
                continue;
            }

            graph.Nodes.RemoveAt(i);
            graph.Nodes.InsertRange(i, Branch(node, condition));
            changed = true;
            i--;
        }

        return changed;
    }

    private static List<GraphNode> Branch(GraphNode node, Tensor condition)
    {
        var body = GraphSpecializer.Copy(IfOperator.Branch(OperatorCall.Of(node), condition));
        var first = node.Inputs.Count - node.CaptureCount;
        var outer = new Dictionary<GraphValue, GraphValue?>();
        foreach (var (input, slot) in body.Inputs.TakeLast(body.CaptureSlots.Count).Zip(body.CaptureSlots))
        {
            outer[input] = node.Inputs[first + slot];
        }

        foreach (var inner in body.Nodes)
        {
            for (var i = 0; i < inner.Inputs.Count; i++)
            {
                inner.Inputs[i] = inner.Inputs[i] is { } input ? outer.GetValueOrDefault(input, input) : null;
            }
        }

        // An output may be a constant, an outer value, or twice the same: identities give each its own name.
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i] is { } output)
            {
                var source = body.Outputs[i];
                var identity = new GraphNode
                {
                    Name = $"{node.Name}/output{i}", Operator = "Identity", Opset = node.Opset,
                    Inputs = [outer.GetValueOrDefault(source, source)], Outputs = [output],
                };
                output.Producer = identity;
                body.Nodes.Add(identity);
            }
        }

        return body.Nodes;
    }
}
