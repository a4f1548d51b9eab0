namespace Atoll.Models;

/// <summary>
/// Makes ScaleShift(x, scale, shift) of batch normalizations that could not be folded into weights, and of two
/// per-channel affine maps in a row.
/// </summary>
internal sealed class ScaleShiftFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor) => node.Out().Type == ElementType.Float32 &&
        ChannelAffine.Of(node) is { } affine &&
            (TryCompose(node, affine, editor) || TryMakeScaleShift(node, affine, editor));

    private static bool TryCompose(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        if (affine.Input.Producer is not { } producer || !ReferenceEquals(editor.OnlyReader(affine.Input), node) ||
            ChannelAffine.Of(producer) is not { } first || first.Scale.Length != affine.Scale.Length)
        {
            return false;
        }

        editor.Replace([producer, node], ScaleShift(node, affine.After(first), editor));
        return true;
    }

    private static bool TryMakeScaleShift(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        if (!node.Is("BatchNormalization"))
        {
            return false;
        }

        editor.Replace([node], ScaleShift(node, affine, editor));
        return true;
    }

    private static GraphNode ScaleShift(GraphNode node, ChannelAffine affine, GraphEditor editor) => new()
    {
        Name = node.Name,
        Operator = "ScaleShift",
        Domain = Patterns.FusedDomain,
        Opset = 1,
        Inputs = [affine.Input, Vector(node, affine.Scale, editor), Vector(node, affine.Shift, editor)],
        Outputs = [node.Outputs[0]],
    };

    private static GraphValue Vector(GraphNode node, double[] values, GraphEditor editor) =>
        editor.AddConstant(node.Name, Tensor.Float([values.Length], [.. values.Select(v => (float)v)]));
}
