using System.Numerics;
using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>A function of two registers, for all widths.</summary>
internal interface IBinaryFunction
{
    static abstract T Invoke<T>(T a, T b) where T : struct, ILanes<T>;
}

/// <summary>A function of two numbers of any type.</summary>
internal interface INumberFunction
{
    static abstract T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>;
}

internal interface IComparison
{
    static abstract bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T>;
}

internal readonly struct AddFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => a + b;
}

internal readonly struct SubtractFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => a - b;
}

internal readonly struct MultiplyFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => a * b;
}

internal readonly struct DivideFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => a / b;
}

internal readonly struct MinimumFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => T.MinOrNaN(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => T.IsNaN(a) || a < b ? a : b;
}

internal readonly struct MaximumFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => T.MaxOrNaN(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => T.IsNaN(a) || a > b ? a : b;
}

internal readonly struct PReluFunction : IBinaryFunction, INumberFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T IBinaryFunction.Invoke<T>(T a, T b) => T.Select(T.Less(a, T.Create(0f)), a * b, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T INumberFunction.Invoke<T>(T a, T b) => a < T.Zero ? a * b : a;
}

internal readonly struct RemainderFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a % b;
}

internal readonly struct ModuloFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>
    {
        var remainder = a % b;
        return !T.IsZero(remainder) && T.IsNegative(remainder) != T.IsNegative(b) ? remainder + b : remainder;
    }
}

internal readonly struct PowerFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>
    {
        if (typeof(T) == typeof(float))
        {
            return T.CreateTruncating(MathF.Pow(float.CreateTruncating(a), float.CreateTruncating(b)));
        }

        return T.CreateTruncating(Math.Pow(double.CreateTruncating(a), double.CreateTruncating(b)));
    }
}

internal readonly struct EqualComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a == b;
}

internal readonly struct LessComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a < b;
}

internal readonly struct LessOrEqualComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a <= b;
}

internal readonly struct GreaterComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a > b;
}

internal readonly struct GreaterOrEqualComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a >= b;
}

internal readonly struct AndComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => !T.IsZero(a) && !T.IsZero(b);
}

internal readonly struct OrComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => !T.IsZero(a) || !T.IsZero(b);
}

internal readonly struct XorComparison : IComparison
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => T.IsZero(a) != T.IsZero(b);
}
