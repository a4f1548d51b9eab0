using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Transposed convolution as a plain one: the input's pixels are spread apart by the stride with zeros between, and the
/// weights are mirrored with inputs and outputs exchanged.
/// </summary>
internal static class TransposedConvolutionLowering
{
    public static void Lower(GraphNode node, LoweringContext context)
    {
        var weights = ConvolutionLowering.Weights(node);
        var x = context.Input(node, 0);
        var axes = weights.Shape.Length - 2;
        if (axes is not (1 or 2))
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): one or two spatial axes are supported");
        }

        var plain = ConvolutionOperators.Scattered(OperatorCall.Of(node), x.Shape[2..], weights.Shape[2..]);
        var window = new WindowGeometry(plain.Kernel, plain.Strides, plain.Dilations, plain.PadsBegin, plain.PadsEnd);
        var (spread, geometry) = Spread(node, context, x, window);
        var groups = (int)node.Attributes.Int("group", 1);
        var y = context.Output(node, MemoryOrder.ChannelsLast, [spread], ImageViews.HasDenseChannels);
        var filters = new ConvolutionLowering.Filters(Mirror(weights, groups), node.In(2)?.Constant, groups)
        {
            Key = weights,
            Form = "mirrored",
        };
        ConvolutionLowering.AddStep(
            context, node.Name, new ConvolutionLowering.Operands(spread, null, y), filters, geometry, Activation.None);
    }

    // The plain convolution sees dilation · (kernel - 1) - pad zeros around the spread pixels; where that is negative
    // the image is cropped instead. What the output lacks after that (output_padding) is more zeros at the end.
    private static (TensorView Image, ConvolutionGeometry Geometry) Spread(
        GraphNode node, LoweringContext context, TensorView x, WindowGeometry window)
    {
        var axes = window.Axes;
        var (shape, before) = ((long[])x.Shape.Clone(), new long[axes]);
        for (var i = 0; i < axes; i++)
        {
            before[i] = (window.Dilations[i] * (window.Kernel[i] - 1)) - window.Before[i];
            var needed = node.Out().Shape![2 + i] + (window.Dilations[i] * (window.Kernel[i] - 1));
            shape[2 + i] = needed;
        }

        var spread = context.Temporary(x.Type, shape, MemoryOrder.ChannelsLast);
        var (from, pixels) = (x, spread);
        for (var i = 0; i < axes; i++)
        {
            var (stride, size) = (window.Strides[i], x.Shape[2 + i]);
            var skipped = before[i] < 0 ? (-before[i] + stride - 1) / stride : 0;
            var start = before[i] + (skipped * stride);
            var count = Math.Max(0, Math.Min(size - skipped, (shape[2 + i] - start + stride - 1) / stride));
            from = from.Narrow(2 + i, skipped, count);
            pixels = pixels.Narrow(2 + i, start, count, stride);
        }

        PadLowering.AddZeroPad($"{node.Name}.spread", context, from, spread, pixels);
        var plain = new WindowGeometry(window.Kernel, [.. window.Strides.Select(_ => 1L)], window.Dilations,
            new long[axes], new long[axes]);
        return (spread, plain.Plane());
    }

    // (inputs, outputs per group, spatial…) to (outputs, inputs per group, mirrored spatial…).
    private static Tensor Mirror(Tensor weights, int groups)
    {
        var (inputs, outputs) = (weights.Shape[0] / groups, weights.Shape[1]);
        var size = weights.Shape[2..].Aggregate(1L, (a, b) => a * b);
        var source = weights.AsSpan<float>();
        var values = new float[source.Length];
        var at = 0;
        for (var group = 0L; group < groups; group++)
        {
            for (var output = 0L; output < outputs; output++)
            {
                for (var input = 0L; input < inputs; input++)
                {
                    var start = (((group * inputs) + input) * outputs + output) * size;
                    for (var k = size - 1; k >= 0; k--)
                    {
                        values[at++] = source[(int)(start + k)];
                    }
                }
            }
        }

        return Tensor.Float([outputs * groups, inputs, .. weights.Shape[2..]], values);
    }
}
