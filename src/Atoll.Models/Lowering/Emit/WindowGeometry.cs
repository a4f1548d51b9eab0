using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Strides, pads and dilations of a sliding window over the spatial axes of (N, C, spatial…), from a node's attributes.
/// </summary>
internal sealed record WindowGeometry(long[] Kernel, long[] Strides, long[] Dilations, long[] Before, long[] After)
{
    public int Axes => Kernel.Length;

    public static WindowGeometry Of(GraphNode node, long[] kernel, long[] input, long[] output)
    {
        var axes = kernel.Length;
        long[] ones = [.. Enumerable.Repeat(1L, axes)];
        var strides = node.Attributes.Ints("strides", ones);
        var dilations = node.Attributes.Ints("dilations", ones);
        var (before, after) = Pads(node, axes);
        var auto = node.Attributes.Text("auto_pad", "NOTSET");
        for (var i = 0; i < axes && auto.StartsWith("SAME", StringComparison.Ordinal); i++)
        {
            var reach = ((output[i] - 1) * strides[i]) + ((kernel[i] - 1) * dilations[i]) + 1;
            var total = Math.Max(0, reach - input[i]);
            before[i] = auto == "SAME_LOWER" ? (total + 1) / 2 : total / 2;
            after[i] = total - before[i];
        }

        return new WindowGeometry(kernel, strides, dilations, before, after);
    }

    /// <summary>
    /// The last one or two axes as the kernels' two-dimensional geometry; one axis counts as the width.
    /// </summary>
    public ConvolutionGeometry Plane() => new()
    {
        StrideHeight = Height(Strides, 1), StrideWidth = (int)Strides[^1],
        DilationHeight = Height(Dilations, 1), DilationWidth = (int)Dilations[^1],
        PadTop = Height(Before, 0), PadLeft = (int)Before[^1],
        PadBottom = Height(After, 0), PadRight = (int)After[^1],
    };

    public int KernelHeight => Height(Kernel, 1);

    public int KernelWidth => (int)Kernel[^1];

    private static int Height(long[] values, int missing) => values.Length > 1 ? (int)values[^2] : missing;

    private static (long[] Before, long[] After) Pads(GraphNode node, int axes)
    {
        var pads = node.Attributes.Ints("pads", new long[axes * 2]);
        return (pads[..axes], pads[axes..]);
    }
}
