namespace Atoll.Models;

/// <summary>
/// Runs a graph node by node with the scalar reference evaluators: slow, plain, and the truth that compiled programs
/// are tested against.
/// </summary>
public static class ReferenceInterpreter
{
    /// <param name="graph">A graph as it was loaded, specialised or simplified.</param>
    /// <param name="inputs">One tensor per graph input, in its order.</param>
    /// <returns>One tensor per graph output.</returns>
    /// <exception cref="ModelException">An input is missing or does not fit, or a node cannot be computed.</exception>
    public static Tensor[] Run(Graph graph, IReadOnlyList<Tensor> inputs, ModelLimits? limits = null)
    {
        var bounds = limits ?? ModelLimits.Default;
        if (inputs.Count != graph.Inputs.Count)
        {
            throw new ModelException(ModelError.MissingTensor,
                $"graph '{graph.Name}' takes {graph.Inputs.Count} inputs, not {inputs.Count}");
        }
        var tensors = new Dictionary<GraphValue, Tensor>();
        for (var i = 0; i < inputs.Count; i++)
        {
            var declared = graph.Inputs[i];
            var check = new GraphValue(declared.Name) { Type = declared.Type, Shape = declared.Shape };
            ShapeInference.Merge(check, inputs[i].Type, inputs[i].Shape, $"graph input '{declared.Name}'");
            tensors[declared] = inputs[i];
        }
        foreach (var node in graph.Nodes)
        {
            Evaluate(node, tensors, bounds);
        }
        return [.. graph.Outputs.Select(o => Value(o, tensors)!)];
    }

    /// <summary>Computes one node from its inputs.</summary>
    internal static Tensor[] Evaluate(GraphNode node, IEnumerable<Tensor?> inputs, ModelLimits limits)
    {
        var definition = OperatorTable.Find(node);
        var call = OperatorCall.Of(node, inputs);
        definition.Infer(call);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (call.Output(i).Shape is { } shape)
            {
                limits.CountElements(shape, $"node {node}: output {i}");
            }
        }
        return definition.Run(call);
    }

    private static void Evaluate(GraphNode node, Dictionary<GraphValue, Tensor> tensors, ModelLimits limits)
    {
        var results = Evaluate(node, node.Inputs.Select(v => v is null ? null : Value(v, tensors)), limits);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i] is { } output)
            {
                tensors[output] = results[i];
            }
        }
    }

    private static Tensor? Value(GraphValue value, Dictionary<GraphValue, Tensor> tensors) =>
        tensors.GetValueOrDefault(value) ?? value.Constant ??
        throw new ModelException(ModelError.MissingTensor, $"tensor '{value.Name}' has no value");
}
