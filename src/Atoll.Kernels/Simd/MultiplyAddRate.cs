using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Atoll.Kernels;

/// <summary>
/// The rate at which one core multiplies and adds floats when nothing but registers is used: the peak that kernels
/// are measured against.
/// </summary>
public static class MultiplyAddRate
{
    private const int Rounds = 40_000;
    private const int Chains = 12;

    /// <summary>GFLOP/s of the calling thread: the best of some repetitions, about 50 ms in all.</summary>
    public static double Measure(TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        var best = 0.0;
        for (var repetition = 0; repetition < 50; repetition++)
        {
            var start = clock.GetTimestamp();
            var sum = Vector512.IsHardwareAccelerated ? Chain512(1e-9f) : Chain256(1e-9f);
            var seconds = clock.GetElapsedTime(start).TotalSeconds;
            var lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector256<float>.Count;
            // The sum is used so that the chains are not removed; it is always finite.
            best = Math.Max(best, float.IsFinite(sum) ? 2.0 * Rounds * Chains * lanes / seconds / 1e9 : 0);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float Chain512(float factor)
    {
        var f = Vector512.Create(factor);
        Vector512<float> a = f, b = f, c = f, d = f, e = f, g = f, h = f, i = f, j = f, k = f, l = f, m = f;
        for (var round = 0; round < Rounds; round++)
        {
            a = Vector512.FusedMultiplyAdd(a, f, f);
            b = Vector512.FusedMultiplyAdd(b, f, f);
            c = Vector512.FusedMultiplyAdd(c, f, f);
            d = Vector512.FusedMultiplyAdd(d, f, f);
            e = Vector512.FusedMultiplyAdd(e, f, f);
            g = Vector512.FusedMultiplyAdd(g, f, f);
            h = Vector512.FusedMultiplyAdd(h, f, f);
            i = Vector512.FusedMultiplyAdd(i, f, f);
            j = Vector512.FusedMultiplyAdd(j, f, f);
            k = Vector512.FusedMultiplyAdd(k, f, f);
            l = Vector512.FusedMultiplyAdd(l, f, f);
            m = Vector512.FusedMultiplyAdd(m, f, f);
        }

        return Vector512.Sum(a + b + c + d + e + g + h + i + j + k + l + m);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float Chain256(float factor)
    {
        var f = Vector256.Create(factor);
        Vector256<float> a = f, b = f, c = f, d = f, e = f, g = f, h = f, i = f, j = f, k = f, l = f, m = f;
        for (var round = 0; round < Rounds; round++)
        {
            a = Vector256.FusedMultiplyAdd(a, f, f);
            b = Vector256.FusedMultiplyAdd(b, f, f);
            c = Vector256.FusedMultiplyAdd(c, f, f);
            d = Vector256.FusedMultiplyAdd(d, f, f);
            e = Vector256.FusedMultiplyAdd(e, f, f);
            g = Vector256.FusedMultiplyAdd(g, f, f);
            h = Vector256.FusedMultiplyAdd(h, f, f);
            i = Vector256.FusedMultiplyAdd(i, f, f);
            j = Vector256.FusedMultiplyAdd(j, f, f);
            k = Vector256.FusedMultiplyAdd(k, f, f);
            l = Vector256.FusedMultiplyAdd(l, f, f);
            m = Vector256.FusedMultiplyAdd(m, f, f);
        }

        return Vector256.Sum(a + b + c + d + e + g + h + i + j + k + l + m);
    }
}
