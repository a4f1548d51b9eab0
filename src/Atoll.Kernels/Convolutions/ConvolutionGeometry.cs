namespace Atoll.Kernels;

/// <summary>Steps, borders and spreads of a sliding window, in pixels. Group count belongs to the weights.</summary>
public sealed record ConvolutionGeometry
{
    public int StrideHeight { get; init; } = 1;

    public int StrideWidth { get; init; } = 1;

    public int PadTop { get; init; }

    public int PadLeft { get; init; }

    public int PadBottom { get; init; }

    public int PadRight { get; init; }

    public int DilationHeight { get; init; } = 1;

    public int DilationWidth { get; init; } = 1;

    /// <summary>Output rows for an input of the given height under a kernel of the given height.</summary>
    public int OutputHeight(int height, int kernel) =>
        (height + PadTop + PadBottom - ((kernel - 1) * DilationHeight + 1)) / StrideHeight + 1;

    /// <summary>As <see cref="OutputHeight"/>, for columns.</summary>
    public int OutputWidth(int width, int kernel) =>
        (width + PadLeft + PadRight - ((kernel - 1) * DilationWidth + 1)) / StrideWidth + 1;
}
