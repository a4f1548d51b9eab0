using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

internal sealed record PoolWindow(int Height, int Width, ConvolutionGeometry Geometry, bool IncludeBorder);

/// <summary>How a window becomes one value.</summary>
internal interface IPool
{
    static abstract float Start { get; }

    static abstract T Add<T>(T sum, T value) where T : struct, ILanes<T>;

    /// <param name="count">Pixels that the mean is taken over.</param>
    static abstract float Factor(int count);
}

internal readonly struct MaximumPool : IPool
{
    public static float Start => float.NegativeInfinity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : struct, ILanes<T> => T.MaxOrNaN(sum, value);

    public static float Factor(int count) => 1;
}

internal readonly struct AveragePool : IPool
{
    public static float Start => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : struct, ILanes<T> => sum + value;

    public static float Factor(int count) => 1f / count;
}

/// <summary>A register of channels at a time; a block is some output rows of one image.</summary>
internal sealed unsafe class PoolKernel<TLanes, TPool>(string name, TensorRef x, TensorRef y, PoolWindow window)
    : CpuKernel(name, y.Shape[0] * PartsOf(y, window), [x.Reads(), y.Writes()])
    where TLanes : struct, ILanes<TLanes>
    where TPool : struct, IPool
{
    private readonly ImageView _x = ImageView.Of(x);
    private readonly ImageView _y = ImageView.Of(y);
    private readonly ConvolutionGeometry _g = window.Geometry;
    private readonly int _parts = PartsOf(y, window);

    public override double EstimatedBlockMicroseconds => LineMicroseconds(y, window) * y.Shape[1] / _parts;

    public override void RunBlock(int block, BlockContext context)
    {
        var image = block / _parts;
        var (first, last) = BlockSplit.Part(_y.Height, _parts, block % _parts);
        for (var row = first; row < last; row++)
        {
            var top = row * _g.StrideHeight - _g.PadTop;
            for (var column = 0; column < _y.Width; column++)
            {
                var left = column * _g.StrideWidth - _g.PadLeft;
                var rows = Clip(top, window.Height, _g.DilationHeight, _x.Height);
                var columns = Clip(left, window.Width, _g.DilationWidth, _x.Width);
                var counted = window.IncludeBorder
                    ? Clip(top + _g.PadTop, window.Height, _g.DilationHeight, _x.Height + _g.PadTop
                        + _g.PadBottom).Count
                        * Clip(left + _g.PadLeft, window.Width, _g.DilationWidth, _x.Width + _g.PadLeft
                            + _g.PadRight).Count
                    : rows.Count * columns.Count;
                Pixel(_x.At(image, rows.First, columns.First), _y.At(image, row, column), rows.Count, columns.Count,
                    TPool.Factor(counted));
                if (context.Yield())
                {
                    return;
                }
            }
        }
    }

    private void Pixel(float* source, float* target, int rows, int columns, float factor)
    {
        var channel = 0;
        for (; channel + TLanes.Count <= _y.Channels; channel += TLanes.Count)
        {
            Channels<TLanes>(source + channel, target + channel, rows, columns, factor);
        }

        for (; channel < _y.Channels; channel++)
        {
            Channels<Lanes1>(source + channel, target + channel, rows, columns, factor);
        }
    }

    private void Channels<T>(float* source, float* target, int rows, int columns, float factor)
        where T : struct, ILanes<T>
    {
        var sum = T.Create(TPool.Start);
        for (var row = 0; row < rows; row++, source += _g.DilationHeight * _x.RowPitch)
        {
            var pixel = source;
            for (var column = 0; column < columns; column++, pixel += _g.DilationWidth * _x.PixelPitch)
            {
                sum = TPool.Add(sum, T.Load(pixel));
            }
        }

        T.Store(sum * T.Create(factor), target);
    }

    /// <summary>First position inside [0, size) of a window, and how many taps lie there.</summary>
    private static (int First, int Count) Clip(int start, int taps, int dilation, int size)
    {
        var skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
        var last = Math.Min(taps, (size - start + dilation - 1) / dilation);
        return (start + skipped * dilation, Math.Max(0, last - skipped));
    }

    private static double LineMicroseconds(TensorRef y, PoolWindow window) =>
        y.Shape[2] * (0.005 + y.Shape[3] * window.Height * window.Width / 12e3);

    private static int PartsOf(TensorRef y, PoolWindow window) =>
        (int)Math.Clamp(LineMicroseconds(y, window) * y.Shape[1] / 20, 1, Math.Max(1, y.Shape[1]));
}
