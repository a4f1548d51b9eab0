using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>
/// Elementary functions to a few units in the last place. Coefficients are Chebyshev fits on the stated intervals.
/// </summary>
internal static class LaneMath
{
    private const float Log2E = 1.44269504f;
    private const float Log2ELow = 1.925963e-8f;

    // ln 2 in two parts, so that n ln 2 is exact enough for |n| up to 150.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>
    /// e^x = 2^n e^r, |r| at most ln(2)/2; 2^n may leave the normal range.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : struct, ILanes<T>
    {
        x = T.Max(T.Create(-104f), T.Min(T.Create(89f), x));
        var n = T.Round(x * T.Create(Log2E));
        var r = T.Fma(n, T.Create(-Ln2Low), T.Fma(n, T.Create(-Ln2High), x));
        var p = T.Fma(r, T.Create(0.001392617612f), T.Create(0.008363173075f));
        p = T.Fma(p, r, T.Create(0.04166655466f));
        p = T.Fma(p, r, T.Create(0.1666657703f));
        p = T.Fma(p, r, T.Create(0.5f));
        p = T.Fma(p, r * r, r + T.Create(1f));
        return T.Scale(p, n);
    }

    /// <summary>ln x; -∞ at 0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x) where T : struct, ILanes<T>
    {
        var subnormal = T.Less(x, T.Create(1.17549435e-38f));
        var e = T.Split(T.Select(subnormal, x * T.Create(8388608f), x), out var m);
        e = T.Select(subnormal, e - T.Create(23f), e);
        var f = m - T.Create(1f);
        var p = T.Fma(f, T.Create(0.06971611471f), T.Create(-0.1147973385f));
        p = T.Fma(p, f, T.Create(0.1168541992f));
        p = T.Fma(p, f, T.Create(-0.1242568733f));
        p = T.Fma(p, f, T.Create(0.1424905765f));
        p = T.Fma(p, f, T.Create(-0.1666780232f));
        p = T.Fma(p, f, T.Create(0.2000071575f));
        p = T.Fma(p, f, T.Create(-0.2499999696f));
        p = T.Fma(p, f, T.Create(0.3333333118f));
        var square = f * f;
        var low = T.Fma(p * f, square, T.Fma(e, T.Create(Ln2Low), square * T.Create(-0.5f)));
        var result = T.Fma(e, T.Create(Ln2High), f + low);
        var finite = T.Less(x, T.Create(float.PositiveInfinity));
        result = T.Select(finite, result, x);
        result = T.Select(T.Less(T.Abs(x), T.Create(float.Epsilon)), T.Create(float.NegativeInfinity), result);
        return T.Select(T.Less(x, T.Create(0f)), T.Create(float.NaN), result);
    }

    /// <summary>Below 0.925 x + x P(x²), above 1 - e^(-x² - x - Q(x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Erf<T>(T x) where T : struct, ILanes<T>
    {
        var s = x * x;
        var p = T.Fma(s, T.Create(-0.0005967310878f), T.Create(0.004988906025f));
        p = T.Fma(p, s, T.Create(-0.02676399514f));
        p = T.Fma(p, s, T.Create(0.1128175413f));
        p = T.Fma(p, s, T.Create(-0.3761248904f));
        p = T.Fma(p, s, T.Create(0.1283791491f));
        var near = T.Fma(p, x, x);
        var t = T.Min(T.Create(4f), T.Abs(x));
        var q = T.Fma(t, T.Create(-1.643555802e-6f), T.Create(4.617852449e-5f));
        q = T.Fma(q, t, T.Create(-0.0005977573014f));
        q = T.Fma(q, t, T.Create(0.004763687132f));
        q = T.Fma(q, t, T.Create(-0.02643148996f));
        q = T.Fma(q, t, T.Create(0.1100956244f));
        q = T.Fma(q, t, T.Create(-0.3681870759f));
        q = T.Fma(q, t, T.Create(0.1302387969f));
        q = T.Fma(q, t, T.Create(-0.0003208003108f));
        var far = T.Create(1f) - Exp(T.Create(0f) - (q + T.Fma(t, t, t)));
        return T.Select(T.Less(T.Abs(x), T.Create(0.925f)), near, T.CopySign(far, x));
    }

    /// <summary>Below 0.625 an odd polynomial, above 1 - 2 / (e^2x + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x) where T : struct, ILanes<T>
    {
        var s = x * x;
        var p = T.Fma(s, T.Create(-0.006096299523f), T.Create(0.02099689404f));
        p = T.Fma(p, s, T.Create(-0.05385084952f));
        p = T.Fma(p, s, T.Create(0.1333276934f));
        p = T.Fma(p, s, T.Create(-0.3333332894f));
        var near = T.Fma(p * s, x, x);
        var t = T.Abs(x);
        var far = T.Create(1f) - T.Create(2f) / (Exp(t + t) + T.Create(1f));
        return T.Select(T.Less(t, T.Create(0.625f)), near, T.CopySign(far, x));
    }

    /// <summary>1 / (1 + 2^t), t = -x log2(e) = n + f, |f| at most 1/2; below -86 it stays what it is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : struct, ILanes<T>
    {
        // Not a number stays so: it is the second operand.
        x = T.Max(T.Create(-86f), T.Min(T.Create(86f), x));
        var less = T.Create(-Log2E);
        var n = T.Round(x * less);
        var f = T.Fma(x, T.Create(-Log2ELow), T.Fma(x, less, T.Create(0f) - n));
        var p = T.Fma(f, T.Create(0.0013276469f), T.Create(0.0096755414f));
        p = T.Fma(p, f, T.Create(0.055507133f));
        p = T.Fma(p, f, T.Create(0.2402212f));
        p = T.Fma(p, f, T.Create(0.69314697f));
        p = T.Fma(p, f, T.Create(1.0000001f));
        return T.Reciprocal(T.Scale(p, n) + T.Create(1f));
    }

    /// <summary>ln(1 + e^x) without overflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Softplus<T>(T x) where T : struct, ILanes<T> =>
        T.Max(T.Create(0f), x) + Log(T.Create(1f) + Exp(T.Create(0f) - T.Abs(x)));
}
