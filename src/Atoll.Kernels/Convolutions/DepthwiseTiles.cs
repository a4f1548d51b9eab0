using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Cuts the output of a depthwise layer into ranges of columns, so narrow that the strip of one fits a unit's scratch
/// memory. Each is a layer of its own over a part of the image; all have the same plan.
/// </summary>
internal sealed record DepthwiseTiles(DepthwisePlan Plan, int Count, int Width)
{
    private const long StripBytesMax = 3 << 19;

    // With an expansion, whose partial sums of the lines made at once lie beside the strip, up to twice as large.
    private const long ExpandedBytesMax = 5 << 18;

    /// <summary>Shares of the means, tile after tile.</summary>
    public int MeansParts => Count * Plan.RowParts;

    /// <param name="y">[N, H, W, C] of the result.</param>
    /// <param name="window">Height and width of the filters.</param>
    /// <param name="g">Strides, borders and dilations.</param>
    /// <param name="expansion">Inputs of the pointwise convolution that makes the filter's input, or 0.</param>
    /// <returns>Null where not even a few columns of one line fit.</returns>
    public static DepthwiseTiles? Choose(
        IReadOnlyList<int> y, (int Height, int Width) window, ConvolutionGeometry g, int expansion)
    {
        var span = (window.Height - 1L) * g.DilationHeight + 1;
        for (var widest = Math.Max(1, y[2]);; widest = Math.Max(DepthwiseLine.Together, widest / 2))
        {
            var count = Math.Max(1, (y[2] + widest - 1) / widest);
            var width = (y[2] + count - 1) / count;
            var plan = DepthwisePlan.Choose(
                [y[0], y[1], width, y[3]], window.Height * window.Width, g, expansion);
            var columns = Reach(width, window.Width, g);
            var lines = (expansion > 0 ? ExpandedBytesMax : StripBytesMax)
                / (columns * sizeof(float) * MicroKernels.PanelWidth(SimdSupport.Current));
            var rows = lines < span ? 0 : (lines - span) / g.StrideHeight + 1;
            var isNarrow = widest <= DepthwiseLine.Together;
            if (rows >= (isNarrow ? 1 : Math.Min(plan.MaxRows, DepthwisePlan.RowsMin)))
            {
                plan = plan.WithRows((int)Math.Clamp(rows, 1, Math.Max(1, y[1])));
                return new DepthwiseTiles(plan with { Pixels = (long)y[1] * y[2] }, count, y[2]);
            }

            if (isNarrow)
            {
                return null;
            }
        }
    }

    /// <summary>One tile as a layer of its own.</summary>
    public (TensorRef X, DepthwiseLayer Layer, TensorRef Y) Part(
        int tile, TensorRef x, DepthwiseLayer layer, TensorRef y)
    {
        var (first, last) = BlockSplit.Part(Width, Count, tile);
        var (image, geometry) = Inputs(x, layer.Geometry, (first, last - first), layer.Weights.KernelWidth);
        var residual = layer.Epilogue.Residual?.Slice(2, first, last - first);
        return (image, layer with
        {
            Geometry = geometry,
            Epilogue = layer.Epilogue with { Residual = residual },
            Means = layer.Means?.Slice(1, tile * Plan.RowParts, Plan.RowParts),
        }, y.Slice(2, first, last - first));
    }

    // The columns that some windows read, and how many columns of border are before them.
    private static (TensorRef X, ConvolutionGeometry Geometry) Inputs(
        TensorRef x, ConvolutionGeometry g, (int First, int Count) outputs, int window)
    {
        var left = (long)outputs.First * g.StrideWidth - g.PadLeft;
        var reach = (outputs.Count - 1L) * g.StrideWidth + (window - 1L) * g.DilationWidth + 1;
        long begin = Math.Max(0, left), end = Math.Min(x.Shape[2], left + reach);
        return begin < end
            ? (x.Slice(2, (int)begin, (int)(end - begin)), g with { PadLeft = (int)(begin - left) })
            // Nothing but border: what there is of the image lies behind it.
            : (x.Slice(2, 0, Math.Min(1, x.Shape[2])), g with { PadLeft = (int)Math.Max(0, reach) });
    }

    // Columns of a strip for some outputs, with one behind them.
    private static long Reach(int outputs, int window, ConvolutionGeometry g) =>
        (Math.Max(outputs, DepthwiseLine.Together) - 1L) * g.StrideWidth + (window - 1L) * g.DilationWidth + 2;
}

/// <summary>Kernels of as many blocks each, for parts of one result, as one.</summary>
internal sealed class TiledKernel(string name, CpuKernel[] tiles, BufferAccess[] accesses)
    : CpuKernel(name, checked(tiles.Length * tiles[0].Blocks), accesses)
{
    private readonly int _each = tiles[0].Blocks;

    public override long ScratchBytes { get; } = tiles.Max(tile => tile.ScratchBytes);

    public override double EstimatedBlockMicroseconds => tiles[0].EstimatedBlockMicroseconds;

    public override void RunBlock(int block, BlockContext context) =>
        tiles[block / _each].RunBlock(block % _each, context);
}
