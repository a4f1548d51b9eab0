using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Three-dimensional convolution as a sum of two-dimensional ones: for each tap in depth, the slices that it meets
/// are a batch of images, and the sum so far is the next tap's residual. Two buffers alternate, since no step may
/// write what it reads.
/// </summary>
internal static class VolumeConvolution
{
    public static void Lower(GraphNode node, LoweringContext context, TensorView x, WindowGeometry window)
    {
        var weights = ConvolutionLowering.Weights(node);
        var y = context.Output(node, MemoryOrder.ChannelsLast, [x], ImageViews.HasDenseChannels);
        var padded = PadDepth(node, context, x, window.Before[0], window.After[0]);
        var taps = (int)window.Kernel[0];
        TensorView? sum = null;
        for (var tap = 0; tap < taps; tap++)
        {
            var target = tap == taps - 1 ? y : context.Temporary(y.Type, y.Shape, MemoryOrder.ChannelsLast);
            var slices = padded.Narrow(2, tap * window.Dilations[0], y.Shape[2], window.Strides[0]);
            for (var image = 0; image < x.Shape[0]; image++)
            {
                var operands = new ConvolutionLowering.Operands(
                    Slices(slices, image), sum is null ? null : Slices(sum, image), Slices(target, image));
                var filters = new ConvolutionLowering.Filters(
                    Tap(weights, tap), tap == 0 ? node.In(2)?.Constant : null, (int)node.Attributes.Int("group", 1))
                {
                    Key = weights,
                    Form = $"tap {tap}",
                };
                ConvolutionLowering.AddStep(
                    context, $"{node.Name}.{tap}.{image}", operands, filters, window.Plane(), Activation.None);
            }

            sum = target;
        }
    }

    // (depth, C, H, W) of one image of (N, C, depth, H, W).
    private static TensorView Slices(TensorView view, int image)
    {
        var one = view.Narrow(0, image, 1).Permute([0, 2, 1, 3, 4]);
        return new TensorView(one.Storage, one.Offset, one.Type, one.Shape[1..], one.Strides[1..]);
    }

    private static TensorView PadDepth(GraphNode node, LoweringContext context, TensorView x, long before, long after)
    {
        if (before + after == 0)
        {
            return x;
        }

        long[] shape = [.. x.Shape];
        shape[2] += before + after;
        var padded = context.Temporary(x.Type, shape, MemoryOrder.ChannelsLast);
        PadLowering.AddZeroPad($"{node.Name}.depth", context, x, padded, padded.Narrow(2, before, x.Shape[2]));
        return padded;
    }

    private static Tensor Tap(Tensor weights, int tap)
    {
        var (planes, taps) = (weights.Shape[0] * weights.Shape[1], weights.Shape[2]);
        var size = (int)(weights.Shape[3] * weights.Shape[4]);
        var values = new float[planes * size];
        for (var plane = 0; plane < planes; plane++)
        {
            weights.AsSpan<float>().Slice((int)(((plane * taps) + tap) * size),
                size).CopyTo(values.AsSpan(plane * size));
        }

        return Tensor.Float([weights.Shape[0], weights.Shape[1], weights.Shape[3], weights.Shape[4]], values);
    }
}
