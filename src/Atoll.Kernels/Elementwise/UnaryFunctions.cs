using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>A function of one register with two parameters, for all widths.</summary>
internal interface IUnaryFunction
{
    static abstract T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T>;
}

internal readonly struct ReluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Max(T.Create(0f), x);
}

internal readonly struct SigmoidFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Sigmoid(x);
}

internal readonly struct TanhFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Tanh(x);
}

internal readonly struct ExpFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Exp(x);
}

internal readonly struct LogFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Log(x);
}

internal readonly struct SqrtFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Sqrt(x);
}

internal readonly struct NegateFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x * T.Create(-1f);
}

internal readonly struct AbsFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Abs(x);
}

internal readonly struct ErfFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Erf(x);
}

internal readonly struct GeluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Create(0.5f) * x * (T.Create(1f) + LaneMath.Erf(x * T.Create(0.707106781f)));
}

internal readonly struct GeluTanhFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Create(0.5f) * x * (T.Create(1f) +
        LaneMath.Tanh(T.Create(0.797884561f) * T.Fma(T.Create(0.044715f), x * x * x, x)));
}

internal readonly struct ClipFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Min(beta, T.Max(alpha, x));
}

internal readonly struct LeakyReluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Select(T.Less(x, T.Create(0f)), x * alpha, x);
}

internal readonly struct EluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Select(T.Less(x, T.Create(0f)), alpha * (LaneMath.Exp(x) - T.Create(1f)), x);
}

internal readonly struct SeluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        beta * T.Select(T.Less(x, T.Create(0f)), alpha * (LaneMath.Exp(x) - T.Create(1f)), x);
}

internal readonly struct CeluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Select(T.Less(x, T.Create(0f)), alpha * (LaneMath.Exp(x / alpha) - T.Create(1f)), x);
}

internal readonly struct SoftplusFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        LaneMath.Softplus(x);
}

internal readonly struct SoftsignFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x / (T.Create(1f) + T.Abs(x));
}

internal readonly struct ReciprocalFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Create(1f) / x;
}

internal readonly struct FloorFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Floor(x);
}

internal readonly struct CeilingFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Ceiling(x);
}

internal readonly struct RoundFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Round(x);
}

internal readonly struct SiluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x * LaneMath.Sigmoid(x);
}

internal readonly struct HardSigmoidFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Min(T.Create(1f), T.Max(T.Create(0f), T.Fma(alpha, x, beta)));
}

internal readonly struct HardSwishFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x * T.Min(T.Create(1f), T.Max(T.Create(0f), T.Fma(x, T.Create(1f / 6f), T.Create(0.5f))));
}

internal readonly struct MishFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x * LaneMath.Tanh(LaneMath.Softplus(x));
}

internal readonly struct SignFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Select(T.Less(x, T.Create(0f)), T.Create(-1f), T.Select(T.Less(T.Create(0f), x), T.Create(1f), x));
}

internal readonly struct ThresholdedReluFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Select(T.Less(alpha, x), x, T.Create(0f));
}

internal readonly struct AffineFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        T.Fma(x, alpha, beta);
}

internal readonly struct SquareFunction : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Invoke<T>(T x, T alpha, T beta) where T : struct, ILanes<T> =>
        x * x;
}
