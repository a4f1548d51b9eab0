using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>
/// One line of outputs of a depthwise filter, one register of channels, from a strip in which the border's zeros are
/// there. Seven neighbouring outputs go together: the usual widths are multiples of seven, and so each tap is loaded
/// once for seven products.
/// </summary>
internal unsafe struct DepthwiseLine
{
    /// <summary>Outputs that go together; a target has room for as many, however few there are.</summary>
    public const int Together = 7;

    /// <summary>First input of the first window.</summary>
    public float* Source;

    /// <summary>Taps, then the bias, each a register.</summary>
    public float* Weights;
    public float* Target;

    /// <summary>Distances in elements: strip lines and pixels between taps, then windows, results.</summary>
    public nint TapLine, TapStep, Step, TargetPitch;
    public int Height, Width, Count;

    /// <summary>Limits of the results.</summary>
    public float Low, High;

    /// <summary>Three taps wide, neighbouring pixels: 9 inputs for 21 products.</summary>
    public static void Three<T>(in DepthwiseLine line) where T : struct, ILanes<T>
    {
        nint pixel = Strip<T>.Pixel;
        for (var column = 0; column < line.Count; column += Together)
        {
            var first = line.First(column);
            float* x = line.Source + first * pixel, w = line.Weights;
            T s0 = T.Load(w + ((nint)line.Height * 3 * T.Count)), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0;
            for (nint row = line.Height; row > 0; row--, w += 3 * T.Count, x += line.TapLine)
            {
                T w0 = T.Load(w), w1 = T.Load(w + T.Count), w2 = T.Load(w + (2 * T.Count));
                var v = T.Load(x);
                s0 = T.Fma(v, w0, s0);
                v = T.Load(x + pixel);
                (s0, s1) = (T.Fma(v, w1, s0), T.Fma(v, w0, s1));
                v = T.Load(x + (2 * pixel));
                (s0, s1, s2) = (T.Fma(v, w2, s0), T.Fma(v, w1, s1), T.Fma(v, w0, s2));
                v = T.Load(x + (3 * pixel));
                (s1, s2, s3) = (T.Fma(v, w2, s1), T.Fma(v, w1, s2), T.Fma(v, w0, s3));
                v = T.Load(x + (4 * pixel));
                (s2, s3, s4) = (T.Fma(v, w2, s2), T.Fma(v, w1, s3), T.Fma(v, w0, s4));
                v = T.Load(x + (5 * pixel));
                (s3, s4, s5) = (T.Fma(v, w2, s3), T.Fma(v, w1, s4), T.Fma(v, w0, s5));
                v = T.Load(x + (6 * pixel));
                (s4, s5, s6) = (T.Fma(v, w2, s4), T.Fma(v, w1, s5), T.Fma(v, w0, s6));
                v = T.Load(x + (7 * pixel));
                (s5, s6) = (T.Fma(v, w2, s5), T.Fma(v, w1, s6));
                s6 = T.Fma(T.Load(x + (8 * pixel)), w2, s6);
            }

            line.Store(first, s0, s1, s2, s3, s4, s5, s6);
        }
    }

    /// <summary>Five taps wide, neighbouring pixels: 11 inputs for 35 products.</summary>
    public static void Five<T>(in DepthwiseLine line) where T : struct, ILanes<T>
    {
        nint pixel = Strip<T>.Pixel;
        for (var column = 0; column < line.Count; column += Together)
        {
            var first = line.First(column);
            float* x = line.Source + first * pixel, w = line.Weights;
            T s0 = T.Load(w + ((nint)line.Height * 5 * T.Count)), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0;
            for (nint row = line.Height; row > 0; row--, w += 5 * T.Count, x += line.TapLine)
            {
                T w0 = T.Load(w), w1 = T.Load(w + T.Count), w2 = T.Load(w + (2 * T.Count)),
                    w3 = T.Load(w + (3 * T.Count)), w4 = T.Load(w + (4 * T.Count));
                var v = T.Load(x);
                s0 = T.Fma(v, w0, s0);
                v = T.Load(x + pixel);
                (s0, s1) = (T.Fma(v, w1, s0), T.Fma(v, w0, s1));
                v = T.Load(x + (2 * pixel));
                (s0, s1, s2) = (T.Fma(v, w2, s0), T.Fma(v, w1, s1), T.Fma(v, w0, s2));
                v = T.Load(x + (3 * pixel));
                (s0, s1, s2) = (T.Fma(v, w3, s0), T.Fma(v, w2, s1), T.Fma(v, w1, s2));
                s3 = T.Fma(v, w0, s3);
                v = T.Load(x + (4 * pixel));
                (s0, s1, s2) = (T.Fma(v, w4, s0), T.Fma(v, w3, s1), T.Fma(v, w2, s2));
                (s3, s4) = (T.Fma(v, w1, s3), T.Fma(v, w0, s4));
                v = T.Load(x + (5 * pixel));
                (s1, s2, s3) = (T.Fma(v, w4, s1), T.Fma(v, w3, s2), T.Fma(v, w2, s3));
                (s4, s5) = (T.Fma(v, w1, s4), T.Fma(v, w0, s5));
                v = T.Load(x + (6 * pixel));
                (s2, s3, s4) = (T.Fma(v, w4, s2), T.Fma(v, w3, s3), T.Fma(v, w2, s4));
                (s5, s6) = (T.Fma(v, w1, s5), T.Fma(v, w0, s6));
                v = T.Load(x + (7 * pixel));
                (s3, s4) = (T.Fma(v, w4, s3), T.Fma(v, w3, s4));
                (s5, s6) = (T.Fma(v, w2, s5), T.Fma(v, w1, s6));
                v = T.Load(x + (8 * pixel));
                (s4, s5, s6) = (T.Fma(v, w4, s4), T.Fma(v, w3, s5), T.Fma(v, w2, s6));
                v = T.Load(x + (9 * pixel));
                (s5, s6) = (T.Fma(v, w4, s5), T.Fma(v, w3, s6));
                s6 = T.Fma(T.Load(x + (10 * pixel)), w4, s6);
            }

            line.Store(first, s0, s1, s2, s3, s4, s5, s6);
        }
    }

    /// <summary>Any width, stride and dilation; inputs are not shared.</summary>
    public static void Any<T>(in DepthwiseLine line) where T : struct, ILanes<T>
    {
        var step = line.Step;
        for (var column = 0; column < line.Count; column += Together)
        {
            var first = line.First(column);
            float* source = line.Source + first * step, w = line.Weights;
            T s0 = T.Load(w + ((nint)line.Height * line.Width * T.Count)), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0,
                s6 = s0;
            for (nint row = line.Height; row > 0; row--, source += line.TapLine)
            {
                var x = source;
                for (var tap = 0; tap < line.Width; tap++, w += T.Count, x += line.TapStep)
                {
                    T v = T.Load(w);
                    var far = x + (3 * step);
                    (s0, s1) = (T.Fma(T.Load(x), v, s0), T.Fma(T.Load(x + step), v, s1));
                    (s2, s3) = (T.Fma(T.Load(x + (2 * step)), v, s2), T.Fma(T.Load(far), v, s3));
                    (s4, s5) = (T.Fma(T.Load(far + step), v, s4), T.Fma(T.Load(far + (2 * step)), v, s5));
                    s6 = T.Fma(T.Load(far + (3 * step)), v, s6);
                }
            }

            line.Store(first, s0, s1, s2, s3, s4, s5, s6);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly nint First(int column) => Math.Max(0, Math.Min(column, Count - Together));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Store<T>(nint first, T s0, T s1, T s2, T s3, T s4, T s5, T s6) where T : struct, ILanes<T>
    {
        T low = T.Create(Low), high = T.Create(High);
        var target = Target + first * TargetPitch;
        T.Store(T.Min(high, T.Max(low, s0)), target);
        T.Store(T.Min(high, T.Max(low, s1)), target + TargetPitch);
        T.Store(T.Min(high, T.Max(low, s2)), target + (2 * TargetPitch));
        target += 3 * TargetPitch;
        T.Store(T.Min(high, T.Max(low, s3)), target);
        T.Store(T.Min(high, T.Max(low, s4)), target + TargetPitch);
        T.Store(T.Min(high, T.Max(low, s5)), target + (2 * TargetPitch));
        T.Store(T.Min(high, T.Max(low, s6)), target + (3 * TargetPitch));
    }
}
