using System.Numerics;
using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>One step of a reduction on numbers and on registers.</summary>
internal interface IAccumulator
{
    static abstract T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>;

    static abstract T Add<T>(T sum, T value) where T : unmanaged, INumber<T>;

    static abstract T AddLanes<T>(T sum, T value) where T : struct, ILanes<T>;
}

internal readonly struct SumAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        T.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => sum + value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => sum + value;
}

internal readonly struct ProductAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        T.One;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => sum * value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => sum * value;
}

internal readonly struct SumOfSquaresAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        T.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => sum + value * value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => T.Fma(value, value, sum);
}

internal readonly struct AbsoluteSumAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        T.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => sum + T.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => sum + T.Abs(value);
}

internal readonly struct MaximumAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        typeof(T) == typeof(float) || typeof(T) == typeof(double) ? T.CreateTruncating(float.NegativeInfinity)
            : T.MinValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => T.Max(sum, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => T.MaxOrNaN(sum, value);
}

internal readonly struct MinimumAccumulator : IAccumulator
{
    public static T Start<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
        typeof(T) == typeof(float) || typeof(T) == typeof(double) ? T.CreateTruncating(float.PositiveInfinity)
            : T.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Add<T>(T sum, T value) where T : unmanaged, INumber<T> => T.Min(sum, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T AddLanes<T>(T sum, T value) where T : struct, ILanes<T> => T.MinOrNaN(sum, value);
}
