using System.Numerics;

namespace Atoll.Kernels;

/// <summary>
/// A register of floats of one width (1, 8 or 16), so that each function is written once for all widths.
/// </summary>
internal unsafe interface ILanes<T> : ILaneArithmetic<T>, ILaneRounding<T>, ILaneExtremes<T>, ILaneSelection<T>,
    ILaneBits<T>
    where T : struct, ILanes<T>
{
    static abstract int Count { get; }

    static abstract T Load(float* source);

    static abstract void Store(T value, float* target);

    static abstract T Create(float value);
}

internal interface ILaneArithmetic<T> : IAdditionOperators<T, T, T>, ISubtractionOperators<T, T, T>,
    IMultiplyOperators<T, T, T>, IDivisionOperators<T, T, T>
    where T : struct, IAdditionOperators<T, T, T>, ISubtractionOperators<T, T, T>, IMultiplyOperators<T, T, T>,
    IDivisionOperators<T, T, T>
{
    /// <summary>a b + c with one rounding.</summary>
    static abstract T Fma(T a, T b, T c);

    static abstract T Sqrt(T value);

    /// <summary>1 / value to two units in the last place, of a normal value whose inverse is normal.</summary>
    static abstract T Reciprocal(T value);

    /// <summary>Sum of all lanes.</summary>
    static abstract float Sum(T value);
}

internal interface ILaneRounding<T>
{
    static abstract T Floor(T value);

    static abstract T Ceiling(T value);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract T Round(T value);
}

internal interface ILaneExtremes<T>
{
    /// <summary>The second operand where either is NaN, as the processor does it.</summary>
    static abstract T Min(T a, T b);

    /// <summary>The second operand where either is NaN, as the processor does it.</summary>
    static abstract T Max(T a, T b);

    /// <summary>NaN where either operand is.</summary>
    static abstract T MinOrNaN(T a, T b);

    /// <summary>NaN where either operand is.</summary>
    static abstract T MaxOrNaN(T a, T b);
}

internal interface ILaneSelection<T>
{
    /// <summary>All bits set in lanes where a is less than b.</summary>
    static abstract T Less(T a, T b);

    static abstract T Select(T mask, T whenSet, T whenClear);
}

internal interface ILaneBits<T>
{
    static abstract T Abs(T value);

    /// <summary>Magnitude of the first with the sign of the second.</summary>
    static abstract T CopySign(T magnitude, T sign);

    /// <summary>2 to the power of an integral value from -126 to 127.</summary>
    static abstract T PowerOfTwo(T exponent);

    /// <summary>The value times 2 to the power of an integral exponent from -252 to 254.</summary>
    static abstract T Scale(T value, T exponent);

    /// <summary>Exponent e and mantissa m in [sqrt(1/2), sqrt(2)) of a normal positive value.</summary>
    static abstract T Split(T value, out T mantissa);
}
