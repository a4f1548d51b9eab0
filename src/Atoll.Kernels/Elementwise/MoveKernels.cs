using System.Numerics;
using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>y = x for elements of one size, any strides.</summary>
internal sealed unsafe class CopyKernel<T>(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(1, x, y).PreferLongRuns(), AccessesOf(x, y))
    where T : unmanaged
{
    protected override void Run(byte** operands, int count)
    {
        byte* source = operands[0], target = operands[1];
        long strideX = Plan.Inner(0), strideY = Plan.Inner(1);
        if (strideX == sizeof(T) && strideY == sizeof(T))
        {
            Unsafe.CopyBlockUnaligned(target, source, (uint)(count * sizeof(T)));
            return;
        }

        for (var i = 0; i < count; i++)
        {
            *(T*)(target + i * strideY) = *(T*)(source + i * strideX);
        }
    }
}

/// <summary>Writes one value everywhere.</summary>
internal sealed unsafe class FillKernel<T>(string name, TensorRef y, T value)
    : StridedKernel(name, new StridedPlan(0.5, y), AccessesOf(y))
    where T : unmanaged
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            *(T*)(operands[0] + i * Plan.Inner(0)) = value;
        }
    }
}

/// <summary>y = a where the condition's byte is not zero, else b.</summary>
internal sealed unsafe class WhereKernel<T>(string name, TensorRef condition, TensorRef a, TensorRef b, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, condition, a, b, y), AccessesOf(condition, a, b, y))
    where T : unmanaged
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var from = *(operands[0] + i * Plan.Inner(0)) != 0 ? 1 : 2;
            *(T*)(operands[3] + i * Plan.Inner(3)) = *(T*)(operands[from] + i * Plan.Inner(from));
        }
    }
}

/// <summary>
/// Converts numbers as C# does: floats out of range saturate, whole numbers lose their high bits, as ONNX has it.
/// </summary>
internal sealed unsafe class CastKernel<TFrom, TTo>(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, x, y), AccessesOf(x, y))
    where TFrom : unmanaged, INumberBase<TFrom>
    where TTo : unmanaged, INumberBase<TTo>
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var value = *(TFrom*)(operands[0] + i * Plan.Inner(0));
            *(TTo*)(operands[1] + i * Plan.Inner(1)) = IsFloat ? TTo.CreateSaturating(value)
                : TTo.CreateTruncating(value);
        }
    }

    private static bool IsFloat => typeof(TFrom) == typeof(float) || typeof(TFrom) == typeof(double)
        || typeof(TFrom) == typeof(Half);
}

/// <summary>One where the number is not zero.</summary>
internal sealed unsafe class CastToBoolKernel<TFrom>(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, x, y), AccessesOf(x, y))
    where TFrom : unmanaged, INumberBase<TFrom>
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var zero = TFrom.IsZero(*(TFrom*)(operands[0] + i * Plan.Inner(0)));
            *(operands[1] + i * Plan.Inner(1)) = zero ? (byte)0 : (byte)1;
        }
    }
}

/// <summary>y = 1 where a float is not a number.</summary>
internal sealed unsafe class IsNaNKernel(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, x, y), AccessesOf(x, y))
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var isNaN = float.IsNaN(*(float*)(operands[0] + i * Plan.Inner(0)));
            *(operands[1] + i * Plan.Inner(1)) = isNaN ? (byte)1 : (byte)0;
        }
    }
}

/// <summary>One where the float is an infinity of a sign that counts.</summary>
internal sealed unsafe class IsInfiniteKernel(string name, TensorRef x, TensorRef y, bool negative, bool positive)
    : StridedKernel(name, new StridedPlan(2, x, y), AccessesOf(x, y))
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var value = *(float*)(operands[0] + i * Plan.Inner(0));
            var holds = (negative && float.IsNegativeInfinity(value)) || (positive && float.IsPositiveInfinity(value));
            *(operands[1] + i * Plan.Inner(1)) = holds ? (byte)1 : (byte)0;
        }
    }
}
