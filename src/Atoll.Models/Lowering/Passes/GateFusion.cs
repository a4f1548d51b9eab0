namespace Atoll.Models;

/// <summary>
/// Puts the product of an image and one factor per channel, as squeeze-and-excitation has it, into the pointwise
/// convolution after it: the factors scale the weights while they are read. The fused node reads (x, weights, bias or
/// null, residual or null, factors).
/// </summary>
internal sealed class GateFusion : GraphPass
{
    public const string Operator = "GatedConv";

    // Weights are scaled by each block anew, which pays where a block has many pixels.
    private const long PixelsMin = 28 * 28;

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!DepthwiseFusion.IsPointwise(node) || node.In(0)?.Producer is not { } product || !product.Is("Mul") ||
            product.HasOldAlignment() || !ReferenceEquals(editor.OnlyReader(product.Out()), node) ||
            !product.TrySplit(v => IsGateOf(v, product.Out()), out var gate, out var x) ||
            !Patterns.SameStaticShape(x, product.Out()))
        {
            return false;
        }

        editor.Replace([product, node], node.Copy([x, node.In(1), node.In(2), node.In(3), gate], Operator));
        return true;
    }

    private static bool IsGateOf(GraphValue value, GraphValue image) => !value.IsConstant &&
        value.IsStatic && image.IsStatic && image.Shape is [var n, var c, var height, var width] &&
        value.Shape is [var images, var channels, 1, 1] && images == n && channels == c && height * width >= PixelsMin;
}
