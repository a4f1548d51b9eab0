using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Chooses the kernel of a binary function.</summary>
internal sealed class BinaryKernelBuilder(string name, BinaryOperator function, TensorRef a, TensorRef b, TensorRef y)
    : INumberKernelBuilder
{
    /// <summary>Null where the function has no vector form.</summary>
    public static CpuKernel? Vector<TLanes>(string name, BinaryOperator function, TensorRef a, TensorRef b, TensorRef y)
        where TLanes : struct, ILanes<TLanes> => function switch
        {
            BinaryOperator.Add => new BinaryVectorKernel<TLanes, AddFunction>(name, a, b, y),
            BinaryOperator.Subtract => new BinaryVectorKernel<TLanes, SubtractFunction>(name, a, b, y),
            BinaryOperator.Multiply => new BinaryVectorKernel<TLanes, MultiplyFunction>(name, a, b, y),
            BinaryOperator.Divide => new BinaryVectorKernel<TLanes, DivideFunction>(name, a, b, y),
            BinaryOperator.Minimum => new BinaryVectorKernel<TLanes, MinimumFunction>(name, a, b, y),
            BinaryOperator.Maximum => new BinaryVectorKernel<TLanes, MaximumFunction>(name, a, b, y),
            BinaryOperator.PRelu => new BinaryVectorKernel<TLanes, PReluFunction>(name, a, b, y),
            _ => null,
        };

    public CpuKernel Build<T>() where T : unmanaged, INumber<T> => function switch
    {
        BinaryOperator.Add => Number<T, AddFunction>(),
        BinaryOperator.Subtract => Number<T, SubtractFunction>(),
        BinaryOperator.Multiply => Number<T, MultiplyFunction>(),
        BinaryOperator.Divide => Number<T, DivideFunction>(),
        BinaryOperator.Minimum => Number<T, MinimumFunction>(),
        BinaryOperator.Maximum => Number<T, MaximumFunction>(),
        BinaryOperator.PRelu => Number<T, PReluFunction>(),
        BinaryOperator.Power => Number<T, PowerFunction>(),
        BinaryOperator.Modulo => Number<T, ModuloFunction>(),
        BinaryOperator.Remainder => Number<T, RemainderFunction>(),
        BinaryOperator.ShiftLeft => Number<T, ShiftLeftFunction>(),
        BinaryOperator.ShiftRight => Number<T, ShiftRightFunction>(),
        BinaryOperator.BitwiseAnd => Number<T, BitwiseAndFunction>(),
        BinaryOperator.BitwiseOr => Number<T, BitwiseOrFunction>(),
        BinaryOperator.BitwiseXor => Number<T, BitwiseXorFunction>(),
        BinaryOperator.Equal => new ComparisonKernel<T, EqualComparison>(name, a, b, y),
        BinaryOperator.Less => new ComparisonKernel<T, LessComparison>(name, a, b, y),
        BinaryOperator.LessOrEqual => new ComparisonKernel<T, LessOrEqualComparison>(name, a, b, y),
        BinaryOperator.Greater => new ComparisonKernel<T, GreaterComparison>(name, a, b, y),
        BinaryOperator.GreaterOrEqual => new ComparisonKernel<T, GreaterOrEqualComparison>(name, a, b, y),
        BinaryOperator.And => new ComparisonKernel<T, AndComparison>(name, a, b, y),
        BinaryOperator.Or => new ComparisonKernel<T, OrComparison>(name, a, b, y),
        BinaryOperator.Xor => new ComparisonKernel<T, XorComparison>(name, a, b, y),
        _ => throw new NotSupportedException($"{name}: unknown function {function}"),
    };

    private BinaryNumberKernel<T, TFunction> Number<T, TFunction>()
        where T : unmanaged, INumber<T>
        where TFunction : struct, INumberFunction => new(name, a, b, y);
}

/// <summary>Chooses the kernel of a conversion once both types are known.</summary>
internal sealed class CastBuilder(string name, TensorRef x, ScalarType to, TensorRef y) : INumberKernelBuilder
{
    public CpuKernel Build<TFrom>() where TFrom : unmanaged, INumber<TFrom> => to == ScalarType.Bool
        ? new CastToBoolKernel<TFrom>(name, x, y)
        : ScalarTypes.Dispatch(to, new Target<TFrom>(name, x, y));

    private sealed class Target<TFrom>(string name, TensorRef x, TensorRef y) : INumberKernelBuilder
        where TFrom : unmanaged, INumber<TFrom>
    {
        public CpuKernel Build<TTo>() where TTo : unmanaged, INumber<TTo> => new CastKernel<TFrom, TTo>(name, x, y);
    }
}

/// <summary>Chooses the kernel of a unary function.</summary>
internal static class UnaryKernels
{
    /// <summary>Null where the function has a vector form.</summary>
    public static CpuKernel? Scalar(string name, UnaryOperator function, TensorRef x, TensorRef y)
    {
        Func<float, float>? scalar = function switch
        {
            UnaryOperator.Sin => MathF.Sin,
            UnaryOperator.Cos => MathF.Cos,
            UnaryOperator.Tan => MathF.Tan,
            UnaryOperator.Asin => MathF.Asin,
            UnaryOperator.Acos => MathF.Acos,
            UnaryOperator.Atan => MathF.Atan,
            UnaryOperator.Sinh => MathF.Sinh,
            UnaryOperator.Cosh => MathF.Cosh,
            UnaryOperator.Asinh => MathF.Asinh,
            UnaryOperator.Acosh => MathF.Acosh,
            UnaryOperator.Atanh => MathF.Atanh,
            _ => null,
        };
        return scalar is null ? null : new ScalarUnaryKernel<float>(name, x, y, scalar);
    }

    public static CpuKernel Vector<TLanes>(
        string name, UnaryOperator function, TensorRef x, TensorRef y, float alpha, float beta)
        where TLanes : struct, ILanes<TLanes>
    {
        return function switch
        {
            UnaryOperator.Relu => Of<ReluFunction>(),
            UnaryOperator.Sigmoid => Of<SigmoidFunction>(),
            UnaryOperator.Tanh => Of<TanhFunction>(),
            UnaryOperator.Exp => Of<ExpFunction>(),
            UnaryOperator.Log => Of<LogFunction>(),
            UnaryOperator.Sqrt => Of<SqrtFunction>(),
            UnaryOperator.Negate => Of<NegateFunction>(),
            UnaryOperator.Abs => Of<AbsFunction>(),
            UnaryOperator.Erf => Of<ErfFunction>(),
            UnaryOperator.Gelu => Of<GeluFunction>(),
            UnaryOperator.GeluTanh => Of<GeluTanhFunction>(),
            UnaryOperator.Clip => Of<ClipFunction>(),
            UnaryOperator.LeakyRelu => Of<LeakyReluFunction>(),
            UnaryOperator.Elu => Of<EluFunction>(),
            UnaryOperator.Selu => Of<SeluFunction>(),
            UnaryOperator.Celu => Of<CeluFunction>(),
            UnaryOperator.Softplus => Of<SoftplusFunction>(),
            UnaryOperator.Softsign => Of<SoftsignFunction>(),
            UnaryOperator.Reciprocal => Of<ReciprocalFunction>(),
            UnaryOperator.Floor => Of<FloorFunction>(),
            UnaryOperator.Ceiling => Of<CeilingFunction>(),
            UnaryOperator.Round => Of<RoundFunction>(),
            UnaryOperator.Silu => Of<SiluFunction>(),
            UnaryOperator.HardSigmoid => Of<HardSigmoidFunction>(),
            UnaryOperator.HardSwish => Of<HardSwishFunction>(),
            UnaryOperator.Mish => Of<MishFunction>(),
            UnaryOperator.Sign => Of<SignFunction>(),
            UnaryOperator.ThresholdedRelu => Of<ThresholdedReluFunction>(),
            UnaryOperator.Affine => Of<AffineFunction>(),
            UnaryOperator.Square => Of<SquareFunction>(),
            _ => throw new NotSupportedException($"{name}: unknown function {function}"),
        };

        UnaryKernel<TLanes, TFunction> Of<TFunction>() where TFunction : struct, IUnaryFunction =>
            new(name, x, y, alpha, beta);
    }

    public sealed class NumberBuilder(string name, UnaryOperator function, TensorRef x, TensorRef y)
        : INumberKernelBuilder
    {
        public CpuKernel Build<T>() where T : unmanaged, INumber<T> => function switch
        {
            UnaryOperator.Negate => new ScalarUnaryKernel<T>(name, x, y, value => -value),
            UnaryOperator.Abs => new ScalarUnaryKernel<T>(name, x, y, value => T.IsNegative(value) ? -value : value),
            UnaryOperator.Sign => new ScalarUnaryKernel<T>(name, x, y,
                value => value > T.Zero ? T.One : value < T.Zero ? -T.One : value),
            UnaryOperator.Relu => new ScalarUnaryKernel<T>(name, x, y, value => value < T.Zero ? T.Zero : value),
            _ => throw new NotSupportedException($"{name}: {function} on {typeof(T).Name}"),
        };
    }
}
