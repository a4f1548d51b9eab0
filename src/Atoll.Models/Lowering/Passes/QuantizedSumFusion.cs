namespace Atoll.Models;

/// <summary>
/// Lets a convolution of bytes add a residual of bytes: quantize(activation(dequantize(QLinearConv) + dequantize(r))).
/// The fused node reads the convolution's nine inputs, then the residual with scale and zero point, then the scale and
/// zero point of the result.
/// </summary>
internal sealed class QuantizedSumFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("QuantizeLinear") || !QuantizedConvolutionFusion.IsScalar(node.In(1)) || node.In(2) is null ||
            !QuantizedConvolutionFusion.IsScalar(node.In(2)) || node.In(0)?.Producer is not { } add ||
            !ReferenceEquals(editor.OnlyReader(node.In(0)!), node))
        {
            return false;
        }

        List<GraphNode> old = [node];
        if (QuantizedConvolutionFusion.IsContained(add, node) && add.In(0)!.Producer is { } inner)
        {
            old.Add(add);
            add = inner;
        }

        if (!add.Is("Add") || !ReferenceEquals(editor.OnlyReader(add.Out()), old[^1]) ||
            !Patterns.SameStaticShape(add.In(0)!, add.In(1)!) ||
            Convolution(add, 0, editor) is var first && Convolution(add, 1, editor) is var second &&
            first is null && second is null)
        {
            return false;
        }

        var mine = first is null ? 1 : 0;
        if (QuantizedConvolutionFusion.Dequantized(add, 1 - mine) is not { } residual ||
            !QuantizedConvolutionFusion.IsScalar(residual.In(1)) ||
                !QuantizedConvolutionFusion.IsScalar(residual.In(2)))
        {
            return false;
        }

        var convolution = (first ?? second)!;
        var fused = convolution.Copy([.. convolution.Inputs.Take(8), convolution.In(8),
            residual.In(0), residual.In(1), residual.In(2), node.In(1), node.In(2)], "QLinearConvAdd");
        fused.Outputs[0] = node.Outputs[0];
        editor.Replace([.. old, add, add.In(mine)!.Producer!, convolution], fused);
        return true;
    }

    // The convolution behind a dequantization that only the addition reads.
    private static GraphNode? Convolution(GraphNode add, int input, GraphEditor editor) =>
        QuantizedConvolutionFusion.Dequantized(add, input) is { } dequantize &&
        ReferenceEquals(editor.OnlyReader(dequantize.Out()), add) && dequantize.In(0)!.Producer is { } convolution &&
        convolution.Is("QLinearConv") && ReferenceEquals(editor.OnlyReader(convolution.Out()), dequantize)
            ? convolution : null;
}
