namespace Atoll.Kernels;

/// <summary>
/// A sliding window over an image of some pitch: which input a part of the output needs, and its segments.
/// </summary>
internal sealed class ConvolutionWindow(ConvolutionGeometry geometry, WeightShape weights)
{
    public ConvolutionGeometry Geometry { get; } = geometry;

    public int Channels { get; } = weights.InputChannelsPerGroup;

    public bool IsPointwise { get; } = weights.KernelHeight * weights.KernelWidth == 1
        && geometry is { PadTop: 0, PadLeft: 0, PadBottom: 0, PadRight: 0, StrideHeight: 1, StrideWidth: 1 };

    public int InputRows(int rows) =>
        (rows - 1) * Geometry.StrideHeight + (weights.KernelHeight - 1) * Geometry.DilationHeight + 1;

    public int InputColumns(int columns) =>
        (columns - 1) * Geometry.StrideWidth + (weights.KernelWidth - 1) * Geometry.DilationWidth + 1;

    /// <summary>
    /// Starts of the contiguous parts of one window, in elements. Without gaps between pixels a kernel row is one part.
    /// </summary>
    public (nint[] Starts, int Length) Segments(long rowPitch, long pixelPitch)
    {
        var whole = pixelPitch == Channels && Geometry.DilationWidth == 1;
        var perRow = whole ? 1 : weights.KernelWidth;
        var starts = new nint[weights.KernelHeight * perRow];
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = (nint)(i / perRow * Geometry.DilationHeight * rowPitch
                + i % perRow * Geometry.DilationWidth * pixelPitch);
        }

        return (starts, whole ? weights.KernelWidth * Channels : Channels);
    }
}
