namespace Atoll.Models;

/// <summary>
/// Lets operators that only choose or move values work on the bytes: quantize(f(dequantize(x))) with the same scale and
/// zero point on both sides is f(x).
/// </summary>
internal sealed class QuantizedPoolFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("QuantizeLinear") || node.In(0)?.Producer is not { } mover || !IsMover(mover) ||
            !ReferenceEquals(editor.OnlyReader(node.In(0)!), node) ||
            QuantizedConvolutionFusion.Dequantized(mover, 0) is not { } dequantize ||
            !IsSame(node.In(1), dequantize.In(1)) || !IsSame(node.In(2), dequantize.In(2)))
        {
            return false;
        }

        var moved = mover.Copy([dequantize.In(0), .. mover.Inputs.Skip(1)]);
        moved.Outputs[0] = node.Outputs[0];
        editor.Replace([node, mover], moved);
        return true;
    }

    // Bytes are pooled from opset 12 on.
    private static bool IsMover(GraphNode node) => node.Outputs.Count == 1 &&
        (node.Is("Reshape") || node.Is("Flatten") || node.Is("Transpose") || (node.Is("MaxPool") && node.Opset >= 12 &&
            node.Out().Shape is { Length: 4 }));

    private static bool IsSame(GraphValue? a, GraphValue? b) => a is not null && b is not null &&
        QuantizedConvolutionFusion.IsScalar(a) && QuantizedConvolutionFusion.IsScalar(b) && (ReferenceEquals(a, b) ||
        (a.Constant is { } x && b.Constant is { } y && x.Type == y.Type && x.Data.AsSpan().SequenceEqual(y.Data)));
}
