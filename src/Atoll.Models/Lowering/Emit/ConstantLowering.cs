namespace Atoll.Models;

/// <summary>
/// Operators whose result follows from shapes, attributes and constants alone, computed once when the shapes are known.
/// Random tensors are among them: their numbers follow from the node's seed.
/// </summary>
internal static class ConstantLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("EyeLike", Compute), ("RandomNormal", Compute), ("RandomUniform", Compute), ("RandomNormalLike", Compute),
        ("RandomUniformLike", Compute), ("HannWindow", Compute), ("HammingWindow", Compute),
        ("BlackmanWindow", Compute), ("MelWeightMatrix", Compute),
    ];

    private static void Compute(GraphNode node, LoweringContext context)
    {
        context.CountComputed(node);
        var needsShapesOnly = OperatorTable.Find(node).NeedsShapesOnly;
        var inputs = node.Inputs.Select(v => v is null ? null : v.Constant ?? (needsShapesOnly
            ? new Tensor(v.Type, v.Shape!, new byte[v.Shape!.Aggregate(v.Type.SizeInBytes(), (a, d) =>
                checked(a * (int)d))])
            : throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): '{v.Name}' must be known when the model is compiled")));
        var results = ReferenceInterpreter.Evaluate(node, inputs, context.Options.Limits);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i] is { } output)
            {
                context.Bind(output, context.Constant((Tensor)results[i]));
            }
        }
    }
}
