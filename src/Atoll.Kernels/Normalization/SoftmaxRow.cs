using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>The steps of a softmax over contiguous floats.</summary>
internal static unsafe class SoftmaxRow<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Softmax of scratch memory of the caller's block; returns the sum of the exponentials.</summary>
    public static float InPlace(float* values, int n)
    {
        var sum = Exponentials(values, values, n, Maximum(values, n));
        UnaryKernel<TLanes, AffineFunction>.Apply(values, values, n, 1 / sum, 0);
        return sum;
    }

    public static float Maximum(float* x, int n)
    {
        var i = 0;
        var top = float.NegativeInfinity;
        if (n >= TLanes.Count)
        {
            var lanes = stackalloc float[16];
            var tops = TLanes.Load(x);
            for (i = TLanes.Count; i + TLanes.Count <= n; i += TLanes.Count)
            {
                tops = TLanes.Max(tops, TLanes.Load(x + i));
            }

            TLanes.Store(tops, lanes);
            for (var lane = 0; lane < TLanes.Count; lane++)
            {
                top = MathF.Max(top, lanes[lane]);
            }
        }

        for (; i < n; i++)
        {
            top = MathF.Max(top, x[i]);
        }

        return top;
    }

    /// <summary>y = e^(x - top); returns their sum.</summary>
    [SkipLocalsInit]
    public static float Exponentials(float* x, float* y, int n, float top)
    {
        var shift = TLanes.Create(top);
        var sum = TLanes.Create(0);
        var i = 0;
        for (; i + TLanes.Count <= n; i += TLanes.Count)
        {
            var value = LaneMath.Exp(TLanes.Load(x + i) - shift);
            sum += value;
            TLanes.Store(value, y + i);
        }

        var total = TLanes.Sum(sum);
        for (; i < n; i++)
        {
            Lanes1.Store(LaneMath.Exp(Lanes1.Create(x[i] - top)), y + i);
            total += y[i];
        }

        return total;
    }
}
