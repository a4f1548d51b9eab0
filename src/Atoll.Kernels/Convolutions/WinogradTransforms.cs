using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>
/// The transforms of F(4x4, 3x3) on a register of channels at a time: input tile Bᵀ d B, 6 x 6 values, and output tile
/// Aᵀ m A, 4 x 4 values, each as two passes of one dimension.
/// </summary>
internal static unsafe class WinogradTransforms
{
    /// <summary>Floats of memory that a transform needs for the values between its passes.</summary>
    public const int TemporaryFloats = 36 * 16;

    private const int Side = 6;

    /// <param name="pixels">The 36 input pixels of the tile, row by row; zeros where there is none.</param>
    /// <param name="channel">First channel of the register.</param>
    /// <param name="target">Where point 0 goes; the others follow at <paramref name="pitch"/> elements.</param>
    /// <param name="pitch">Distance between points.</param>
    /// <param name="temporary">Memory of <see cref="TemporaryFloats"/>.</param>
    public static void Input<T>(float** pixels, int channel, float* target, nint pitch, float* temporary)
        where T : struct, ILanes<T>
    {
        for (var column = 0; column < Side; column++)
        {
            var p = pixels + column;
            var line = new Six<T>(
                T.Load(p[0] + channel), T.Load(p[6] + channel), T.Load(p[12] + channel), T.Load(p[18] + channel),
                T.Load(p[24] + channel), T.Load(p[30] + channel));
            InputLine(line, temporary + (column * T.Count), Side * T.Count);
        }

        for (var row = 0; row < Side; row++)
        {
            InputLine(Six<T>.Load(temporary + (row * Side * T.Count), T.Count), target + (row * Side * pitch), pitch);
        }
    }

    /// <summary>The first pass of the output transform: 36 sums become 4 lines of 6 values in the temporary.</summary>
    public static void OutputColumns<T>(float* sums, nint pitch, float* temporary) where T : struct, ILanes<T>
    {
        for (var column = 0; column < Side; column++)
        {
            var line = Six<T>.Load(sums + (column * pitch), Side * pitch);
            var (y0, y1, y2, y3) = OutputLine(line);
            var t = temporary + (column * T.Count);
            T.Store(y0, t);
            T.Store(y1, t + (Side * T.Count));
            T.Store(y2, t + (2 * Side * T.Count));
            T.Store(y3, t + (3 * Side * T.Count));
        }
    }

    /// <summary>The second pass: four neighbouring outputs of one line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T Y0, T Y1, T Y2, T Y3) OutputRow<T>(float* temporary, int row) where T : struct, ILanes<T> =>
        OutputLine(Six<T>.Load(temporary + (row * Side * T.Count), T.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InputLine<T>(in Six<T> d, float* target, nint step) where T : struct, ILanes<T>
    {
        T four = T.Create(4f), less4 = T.Create(-4f), less5 = T.Create(-5f);
        var (a, b) = (T.Fma(d.V2, less4, d.V4), T.Fma(d.V1, less4, d.V3));
        var (c, e) = (d.V4 - d.V2, d.V3 - d.V1);
        e += e;
        T.Store(T.Fma(d.V0, four, T.Fma(d.V2, less5, d.V4)), target);
        T.Store(a + b, target + step);
        T.Store(a - b, target + (2 * step));
        T.Store(c + e, target + (3 * step));
        T.Store(c - e, target + (4 * step));
        T.Store(T.Fma(d.V1, four, T.Fma(d.V3, less5, d.V5)), target + (5 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (T Y0, T Y1, T Y2, T Y3) OutputLine<T>(in Six<T> m) where T : struct, ILanes<T>
    {
        var (sum, difference) = (m.V1 + m.V2, m.V1 - m.V2);
        var (sum2, difference2) = (m.V3 + m.V4, m.V3 - m.V4);
        return (m.V0 + sum + sum2, T.Fma(difference2, T.Create(2f), difference), T.Fma(sum2, T.Create(4f), sum),
            T.Fma(difference2, T.Create(8f), difference) + m.V5);
    }

    private readonly struct Six<T>(T v0, T v1, T v2, T v3, T v4, T v5) where T : struct, ILanes<T>
    {
        public readonly T V0 = v0, V1 = v1, V2 = v2, V3 = v3, V4 = v4, V5 = v5;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Six<T> Load(float* source, nint step) => new(
            T.Load(source), T.Load(source + step), T.Load(source + (2 * step)), T.Load(source + (3 * step)),
            T.Load(source + (4 * step)), T.Load(source + (5 * step)));
    }
}
