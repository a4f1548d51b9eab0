namespace Atoll.Models;

/// <summary>
/// Makes one QLinearConv of a convolution of dequantized bytes whose result is quantized again, with or without an
/// activation that the quantization's own limits contain. Runs before constants are folded, since folding would turn
/// the weights into floats.
/// </summary>
internal sealed class QuantizedConvolutionFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("QuantizeLinear") || node.In(2) is not { } zero || !IsScalar(node.In(1)) || !IsScalar(zero) ||
            node.In(0)?.Producer is not { } producer || !ReferenceEquals(editor.OnlyReader(node.In(0)!), node))
        {
            return false;
        }

        List<GraphNode> old = [node];
        if (IsContained(producer, node))
        {
            old.Add(producer);
            producer = producer.In(0)!.Producer;
        }

        if (!producer.Is("Conv") || !ReferenceEquals(editor.OnlyReader(producer.Out()), old[^1]) ||
            Dequantized(producer, 0) is not { } x || !IsScalar(x.In(1)) || !IsScalar(x.In(2)) ||
            Dequantized(producer, 1) is not { } w || !HasWeights(w) || !HasBias(producer, x, w))
        {
            return false;
        }

        old.Add(producer);
        var fused = producer.Copy([x.In(0), x.In(1), x.In(2), w.In(0), w.In(1), w.In(2), node.In(1), zero,
            producer.In(2)?.Producer?.In(0)]);
        editor.Replace(old, new GraphNode
        {
            Name = producer.Name, Operator = "QLinearConv", Opset = node.Opset, Inputs = fused.Inputs,
            Outputs = [node.Outputs[0]], Attributes = fused.Attributes,
        });
        return true;
    }

    /// <summary>
    /// A Relu or Clip whose limits are at or beyond the smallest and largest number that the quantization can give.
    /// </summary>
    internal static bool IsContained(GraphNode activation, GraphNode quantize)
    {
        if (FusedActivation.Of(
            activation) is not { Kind: Kernels.ActivationKind.Relu or Kernels.ActivationKind.Clip } f ||
            quantize.In(1)?.Scalar() is not { } scale || quantize.In(2)?.Constant is not { ElementCount: 1 } zero)
        {
            return false;
        }

        int at = zero.Type == ElementType.Int8 ? (sbyte)zero.Data[0] : zero.Data[0];
        var (least, most) = zero.Type == ElementType.Int8 ? (-128, 127) : (0, 255);
        var (low, high) = f.Kind == Kernels.ActivationKind.Relu ? (0, float.PositiveInfinity) : (f.Alpha, f.Beta);
        // Half a step further and another number would come out.
        return zero.Type is ElementType.Int8 or ElementType.UInt8 && low <= (least - at + 0.49f) * scale &&
            high >= (most - at - 0.49f) * scale;
    }

    internal static GraphNode? Dequantized(GraphNode node, int input) =>
        node.In(input)?.Producer is { } producer && producer.Is("DequantizeLinear") && producer.In(2) is not null &&
        producer.In(0)!.Type is ElementType.UInt8 or ElementType.Int8 ? producer : null;

    internal static bool IsScalar(GraphValue? value) => value?.Shape is { } shape && shape.All(d => d == 1);

    // One scale for all weights, or one for each output.
    private static bool HasWeights(GraphNode w) =>
        w.In(0)!.Constant is { Shape.Length: 3 or 4 } weights && w.In(1)!.Constant is { } scales &&
        w.In(2)!.Constant is { } zeros && zeros.ElementCount == scales.ElementCount &&
        (scales.ElementCount == 1 || (scales.ElementCount == weights.Shape[0] && w.Attributes.Int("axis", 1) == 0));

    // The bias must be 32-bit integers in the products' own scale, as QLinearConv takes it.
    private static bool HasBias(GraphNode convolution, GraphNode x, GraphNode w)
    {
        if (convolution.In(2) is not { } value)
        {
            return true;
        }

        if (!value.Producer.Is("DequantizeLinear") || x.In(1).Scalar() is not { } scale ||
            value.Producer.In(0)?.Constant is not { Type: ElementType.Int32 } ||
            value.Producer.In(1)?.Constant is not { } steps ||
            (value.Producer.In(2)?.Constant is { } zero && zero.Data.AsSpan().ContainsAnyExcept((byte)0)))
        {
            return false;
        }

        var scales = w.In(1)!.Constant!.AsSpan<float>();
        var actual = steps.AsSpan<float>();
        for (var i = 0; i < Math.Max(actual.Length, scales.Length); i++)
        {
            var expected = scale * scales[scales.Length == 1 ? 0 : i];
            if (Math.Abs(actual[actual.Length == 1 ? 0 : i] - expected) > 1e-6f * Math.Abs(expected))
            {
                return false;
            }
        }

        return true;
    }
}
