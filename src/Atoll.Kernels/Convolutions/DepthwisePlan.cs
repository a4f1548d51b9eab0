namespace Atoll.Kernels;

/// <summary>The work of one block: lines of one image times panels of channels.</summary>
internal readonly record struct DepthwisePart(
    int Image, int Part, int FirstRow, int LastRow, int FirstPanel, int LastPanel);

/// <summary>Deals the output of a depthwise filter to blocks.</summary>
internal sealed record DepthwisePlan(int Images, int Height, int Panels, int RowParts, int PanelParts,
    double Microseconds)
{
    // A small layer is cut into about this many blocks, so that several units can share it.
    private const int BlocksWanted = 16;
    private const double ShortBlockMicroseconds = 6;
    private const double BlockMicroseconds = 30;

    // Lines of the border are made by both neighbours, so short parts do much twice.
    public const int RowsMin = 7;

    // Of a strip of one panel.
    private const int StripBytesMax = 1 << 20;

    public int Blocks => Images * RowParts * PanelParts;

    /// <summary>Of one image and channel, all of which the means are taken of.</summary>
    public long Pixels { get; init; }

    public int MaxRows => (Height + RowParts - 1) / RowParts;

    /// <param name="y">[N, H, W, C] of the result.</param>
    /// <param name="taps">Of one filter.</param>
    /// <param name="g">Strides, borders and dilations.</param>
    /// <param name="expansion">Inputs of the pointwise convolution that makes the filter's input, or 0.</param>
    public static DepthwisePlan Choose(IReadOnlyList<int> y, int taps, ConvolutionGeometry g, int expansion)
    {
        var width = MicroKernels.PanelWidth(SimdSupport.Current);
        var panels = (y[3] + width - 1) / width;
        // Two registers of channels: a tap some 0.4 ns an output, and what it costs to read and write an output.
        var perRow = y[2] * (taps * 0.7 + 8
            + expansion * 0.6 * g.StrideHeight * g.StrideWidth) / 1000;
        var total = perRow * y[1] * panels * y[0];
        var wanted = Math.Clamp(total / BlocksWanted, ShortBlockMicroseconds, BlockMicroseconds);
        // A line of the strip, borders aside: what a part needs must fit, however narrow it gets.
        var lineBytes = 4.0 * width * (y[2] * g.StrideWidth + 16) * g.StrideHeight;
        var most = (int)Math.Max(1, Math.Min(StripBytesMax / lineBytes, y[1]));
        var rowParts = (int)Math.Clamp(Math.Round(perRow * y[1] / wanted), 1, Math.Max(1, y[1] / RowsMin));
        rowParts = Math.Max(rowParts, (y[1] + most - 1) / most);
        var perPart = perRow * y[1] / rowParts;
        var panelParts = (int)Math.Clamp(Math.Ceiling(panels / Math.Max(1, wanted / perPart)), 1, panels);
        return new DepthwisePlan(y[0], y[1], panels, rowParts, panelParts, perPart * panels / panelParts)
        {
            Pixels = (long)y[1] * y[2],
        };
    }

    /// <summary>The same with at most so many lines in a part.</summary>
    public DepthwisePlan WithRows(int most)
    {
        var parts = Math.Max(RowParts, (Height + most - 1) / most);
        return this with { RowParts = parts, Microseconds = Microseconds * RowParts / parts };
    }

    public DepthwisePart Part(int block)
    {
        var (rest, panelPart) = Math.DivRem(block, PanelParts);
        var (image, rowPart) = Math.DivRem(rest, RowParts);
        var (first, last) = BlockSplit.Part(Height, RowParts, rowPart);
        var (firstPanel, lastPanel) = BlockSplit.Part(Panels, PanelParts, panelPart);
        return new DepthwisePart(image, rowPart, first, last, firstPanel, lastPanel);
    }
}
