using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>
/// Four neighbouring outputs of a depthwise filter, one register of channels, windows wholly inside the image. Where
/// windows overlap each input is loaded once for all four.
/// </summary>
internal unsafe struct DepthwiseWindow
{
    /// <summary>First input of the first output, and first tap.</summary>
    public float* Source, Weights;

    /// <summary>Kernel rows that lie inside the image.</summary>
    public int Rows;

    /// <summary>Distances in elements: between kernel rows, taps, outputs, and channels of weights.</summary>
    public nint RowStep, Pixel, OutputStep, Channels;

    /// <summary>Three taps wide, stride 1: 6 inputs for 12 products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T S0, T S1, T S2, T S3) Three<T>(in DepthwiseWindow w, T bias) where T : struct, ILanes<T>
    {
        T s0 = bias, s1 = bias, s2 = bias, s3 = bias;
        float* x = w.Source, weights = w.Weights;
        var pixel = w.Pixel;
        for (var row = w.Rows; row > 0; row--, x += w.RowStep, weights += w.Channels * 3)
        {
            T x0 = T.Load(x), x1 = T.Load(x + pixel), x2 = T.Load(x + 2 * pixel), x3 = T.Load(x + 3 * pixel),
                x4 = T.Load(x + 4 * pixel), x5 = T.Load(x + 5 * pixel);
            var tap = T.Load(weights);
            (s0, s1) = (T.Fma(x0, tap, s0), T.Fma(x1, tap, s1));
            (s2, s3) = (T.Fma(x2, tap, s2), T.Fma(x3, tap, s3));
            tap = T.Load(weights + w.Channels);
            (s0, s1) = (T.Fma(x1, tap, s0), T.Fma(x2, tap, s1));
            (s2, s3) = (T.Fma(x3, tap, s2), T.Fma(x4, tap, s3));
            tap = T.Load(weights + w.Channels * 2);
            (s0, s1) = (T.Fma(x2, tap, s0), T.Fma(x3, tap, s1));
            (s2, s3) = (T.Fma(x4, tap, s2), T.Fma(x5, tap, s3));
        }

        return (s0, s1, s2, s3);
    }

    /// <summary>Three taps wide, stride 2: 9 inputs for 12 products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T S0, T S1, T S2, T S3) ThreeByTwo<T>(in DepthwiseWindow w, T bias) where T : struct, ILanes<T>
    {
        T s0 = bias, s1 = bias, s2 = bias, s3 = bias;
        float* x = w.Source, weights = w.Weights;
        var pixel = w.Pixel;
        for (var row = w.Rows; row > 0; row--, x += w.RowStep, weights += w.Channels * 3)
        {
            T x0 = T.Load(x), x1 = T.Load(x + pixel), x2 = T.Load(x + 2 * pixel), x3 = T.Load(x + 3 * pixel),
                x4 = T.Load(x + 4 * pixel), x5 = T.Load(x + 5 * pixel), x6 = T.Load(x + 6 * pixel),
                x7 = T.Load(x + 7 * pixel), x8 = T.Load(x + 8 * pixel);
            var tap = T.Load(weights);
            (s0, s1) = (T.Fma(x0, tap, s0), T.Fma(x2, tap, s1));
            (s2, s3) = (T.Fma(x4, tap, s2), T.Fma(x6, tap, s3));
            tap = T.Load(weights + w.Channels);
            (s0, s1) = (T.Fma(x1, tap, s0), T.Fma(x3, tap, s1));
            (s2, s3) = (T.Fma(x5, tap, s2), T.Fma(x7, tap, s3));
            tap = T.Load(weights + w.Channels * 2);
            (s0, s1) = (T.Fma(x2, tap, s0), T.Fma(x4, tap, s1));
            (s2, s3) = (T.Fma(x6, tap, s2), T.Fma(x8, tap, s3));
        }

        return (s0, s1, s2, s3);
    }

    /// <summary>Five taps wide, stride 1: 8 inputs for 20 products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T S0, T S1, T S2, T S3) Five<T>(in DepthwiseWindow w, T bias) where T : struct, ILanes<T>
    {
        T s0 = bias, s1 = bias, s2 = bias, s3 = bias;
        float* x = w.Source, weights = w.Weights;
        var pixel = w.Pixel;
        for (var row = w.Rows; row > 0; row--, x += w.RowStep, weights += w.Channels * 5)
        {
            T x0 = T.Load(x), x1 = T.Load(x + pixel), x2 = T.Load(x + 2 * pixel), x3 = T.Load(x + 3 * pixel),
                x4 = T.Load(x + 4 * pixel), x5 = T.Load(x + 5 * pixel), x6 = T.Load(x + 6 * pixel),
                x7 = T.Load(x + 7 * pixel);
            var tap = T.Load(weights);
            (s0, s1) = (T.Fma(x0, tap, s0), T.Fma(x1, tap, s1));
            (s2, s3) = (T.Fma(x2, tap, s2), T.Fma(x3, tap, s3));
            tap = T.Load(weights + w.Channels);
            (s0, s1) = (T.Fma(x1, tap, s0), T.Fma(x2, tap, s1));
            (s2, s3) = (T.Fma(x3, tap, s2), T.Fma(x4, tap, s3));
            tap = T.Load(weights + w.Channels * 2);
            (s0, s1) = (T.Fma(x2, tap, s0), T.Fma(x3, tap, s1));
            (s2, s3) = (T.Fma(x4, tap, s2), T.Fma(x5, tap, s3));
            tap = T.Load(weights + w.Channels * 3);
            (s0, s1) = (T.Fma(x3, tap, s0), T.Fma(x4, tap, s1));
            (s2, s3) = (T.Fma(x5, tap, s2), T.Fma(x6, tap, s3));
            tap = T.Load(weights + w.Channels * 4);
            (s0, s1) = (T.Fma(x4, tap, s0), T.Fma(x5, tap, s1));
            (s2, s3) = (T.Fma(x6, tap, s2), T.Fma(x7, tap, s3));
        }

        return (s0, s1, s2, s3);
    }

    /// <summary>Any width and stride; nothing is shared.</summary>
    public static (T S0, T S1, T S2, T S3) Any<T>(in DepthwiseWindow w, int taps, T bias) where T : struct, ILanes<T>
    {
        T s0 = bias, s1 = bias, s2 = bias, s3 = bias;
        float* row = w.Source, weights = w.Weights;
        var step = w.OutputStep;
        for (var ky = w.Rows; ky > 0; ky--, row += w.RowStep)
        {
            var x = row;
            for (var kx = 0; kx < taps; kx++, weights += w.Channels, x += w.Pixel)
            {
                var tap = T.Load(weights);
                (s0, s1) = (T.Fma(T.Load(x), tap, s0), T.Fma(T.Load(x + step), tap, s1));
                (s2, s3) = (T.Fma(T.Load(x + 2 * step), tap, s2), T.Fma(T.Load(x + 3 * step), tap, s3));
            }
        }

        return (s0, s1, s2, s3);
    }
}
