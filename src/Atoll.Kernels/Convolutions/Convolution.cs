using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that convolve images.</summary>
public static class Convolution
{
    /// <summary>
    /// y = epilogue(x * w + bias). x and y are [N, H, W, C] views with contiguous channels and any pixel, row and image
    /// pitch; borders are zeros that exist nowhere in memory.
    /// </summary>
    /// <exception cref="ArgumentException">Shapes or strides that do not fit.</exception>
    public static IReadOnlyList<CpuKernel> Create(
        string name, TensorRef x, ConvolutionWeights w, TensorRef y, ConvolutionGeometry g, Epilogue epilogue)
    {
        Check(name, x, y, w.InputChannels, w.OutputChannels);
        if (y.Shape[1] != g.OutputHeight(x.Shape[1], w.KernelHeight)
            || y.Shape[2] != g.OutputWidth(x.Shape[2], w.KernelWidth)
            || y.Shape[0] != x.Shape[0] || (epilogue.Residual is { } r && !r.Shape.AsSpan().SequenceEqual(y.Shape)))
        {
            throw new ArgumentException($"{name}: {x} convolved by {w.Shape} with {g} does not give {y}");
        }

        if (epilogue.Gate is { } gate && (w.Groups > 1 || !new ConvolutionWindow(g, w.Shape).IsPointwise
            || !gate.Shape.AsSpan().SequenceEqual([x.Shape[0], 1, 1, w.InputChannels]) || gate.Strides[3] != 1))
        {
            throw new ArgumentException($"{name}: {gate} cannot be the gate of {x} convolved by {w.Shape} with {g}");
        }

        if (w.IsDepthwise)
        {
            return [DepthwiseKernel.Create(name, x, new DepthwiseLayer(w, g, epilogue), y)];
        }

        var groups = Enumerable.Range(0, w.Groups);
        return [.. groups.Select(group => DirectConvolutionKernel.Create(
            w.Groups == 1 ? name : $"{name}/{group}", GroupOf(x, w, group), w.Group(group), GroupOf(y, w, group),
            new ConvolutionWindow(g, w.Shape),
                epilogue with { Residual = epilogue.Residual is { } r2 ? GroupOf(r2, w, group) : null }))];
    }

    /// <summary>The same for 3x3 filters, stride 1 and no dilation by Winograd's F(4x4, 3x3).</summary>
    /// <exception cref="ArgumentException">Shapes, strides or geometry that do not fit.</exception>
    public static CpuKernel CreateWinograd(
        string name, TensorRef x, WinogradWeights w, TensorRef y, ConvolutionGeometry g, Epilogue epilogue)
    {
        Check(name, x, y, w.InputChannels, w.OutputChannels);
        if (!WinogradWeights.CanUse(g) || epilogue.Gate != null || y.Shape[1] != g.OutputHeight(x.Shape[1], 3)
            || y.Shape[2] != g.OutputWidth(x.Shape[2], 3) || y.Shape[0] != x.Shape[0]
            || (epilogue.Residual is { } r && !r.Shape.AsSpan().SequenceEqual(y.Shape)))
        {
            throw new ArgumentException($"{name}: {x} convolved by 3x3 filters with {g} does not give {y}");
        }

        return WinogradKernel.Create(name, x, w, y, g, epilogue);
    }

    /// <summary>
    /// A depthwise convolution with the pointwise one before it, whose output is written nowhere, and with the means of
    /// its output.
    /// </summary>
    /// <exception cref="ArgumentException">Shapes or strides that do not fit.</exception>
    public static CpuKernel CreateDepthwise(string name, TensorRef x, DepthwiseLayer layer, TensorRef y)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var (w, g, expansion) = (layer.Weights, layer.Geometry, layer.Expansion);
        Check(name, x, y, expansion?.InputChannels ?? w.InputChannels, w.OutputChannels);
        if (!w.IsDepthwise || layer.Epilogue.Gate != null || y.Shape[1] != g.OutputHeight(x.Shape[1], w.KernelHeight)
            || y.Shape[2] != g.OutputWidth(x.Shape[2], w.KernelWidth) || y.Shape[0] != x.Shape[0]
            || expansion is { IsDepthwise: true } or { Groups: > 1 } or { KernelHeight: > 1 } or { KernelWidth: > 1 }
            || (expansion != null && expansion.OutputChannels != w.InputChannels)
            || (layer.Means != null && !layer.Means.Shape.AsSpan().SequenceEqual(
                [x.Shape[0], DepthwiseKernel.PartsOf(layer, y), 1, w.OutputChannels])))
        {
            throw new ArgumentException($"{name}: {x} by {expansion?.Shape} and {w.Shape} with {g} does not give {y}");
        }

        return DepthwiseKernel.Create(name, x, layer, y);
    }

    /// <summary>
    /// Parts of its output for which a depthwise kernel gives shares of the means; 0 where the windows reach too far
    /// for a unit's scratch memory, so that there is no kernel.
    /// </summary>
    /// <param name="output">[N, H, W, C] of the result.</param>
    /// <param name="window">Height and width of the filters.</param>
    /// <param name="g">Strides, borders and dilations.</param>
    /// <param name="expansion">Input channels of the pointwise convolution before, or 0.</param>
    public static int DepthwiseParts(
        IReadOnlyList<int> output, IReadOnlyList<long> window, ConvolutionGeometry g, int expansion)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(g);
        return DepthwiseTiles.Choose(output, ((int)window[0], (int)window[1]), g, expansion)?.MeansParts ?? 0;
    }

    internal static void Check(string name, TensorRef x, TensorRef y, int inputChannels, int outputChannels)
    {
        if (x.Rank != 4 || y.Rank != 4 || x.Shape[3] != inputChannels || y.Shape[3] != outputChannels
            || (x.Strides[3] != 1 && inputChannels != 1) || (y.Strides[3] != 1 && outputChannels != 1)
            || x.ElementBytes != 4 || y.ElementBytes != 4)
        {
            throw new ArgumentException(
                $"{name}: {x} and {y} are not [N, H, W, C] floats with contiguous channels, " +
                $"{inputChannels} and {outputChannels}");
        }
    }

    private static TensorRef GroupOf(TensorRef view, ConvolutionWeights w, int group) =>
        view.Slice(3, group * (view.Shape[3] / w.Groups), view.Shape[3] / w.Groups);
}
