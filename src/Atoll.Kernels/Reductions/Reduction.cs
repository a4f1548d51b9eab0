using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that reduce x over a set of axes; y has size 1 there, or lacks those axes.</summary>
public static class Reduction
{
    /// <exception cref="NotSupportedException">A type other than Float32, Float64, Int32, Int64 and the byte
    /// types.</exception>
    public static CpuKernel Create(
        string name, ReductionOperator op, ScalarType type, TensorRef x, ReadOnlySpan<int> axes, TensorRef y)
    {
        var plan = new ReductionPlan(x, axes, y);
        return type switch
        {
            ScalarType.Float32 when op == ReductionOperator.LogSumExp => new LogSumExpKernel(name, plan),
            ScalarType.Float32 => SimdSupport.Current switch
            {
                SimdLevel.Vector512 => OfFloats<Lanes16>(name, op, plan),
                SimdLevel.Vector256 => OfFloats<Lanes8>(name, op, plan),
                _ => OfFloats<Lanes1>(name, op, plan),
            },
            ScalarType.Float64 => OfNumbers<double>(name, op, plan),
            ScalarType.Int32 => OfNumbers<int>(name, op, plan),
            ScalarType.Int64 => OfNumbers<long>(name, op, plan),
            ScalarType.UInt8 or ScalarType.Bool => OfNumbers<byte>(name, op, plan),
            ScalarType.Int8 => OfNumbers<sbyte>(name, op, plan),
            _ => throw new NotSupportedException($"{name}: reduction of {type}"),
        };
    }

    /// <summary>Index of the largest or smallest element along an axis, as 64-bit integers.</summary>
    public static CpuKernel ArgExtreme(
        string name, bool largest, bool selectLast, ScalarType type, TensorRef x, int axis, TensorRef y) =>
        ScalarTypes.Dispatch(type, new ArgExtremeBuilder(name, largest, selectLast, new ReductionPlan(x, [axis], y)));

    private static CpuKernel OfFloats<TLanes>(string name, ReductionOperator op, ReductionPlan plan)
        where TLanes : struct, ILanes<TLanes> => op switch
        {
            ReductionOperator.Sum or ReductionOperator.Mean or ReductionOperator.LogSum =>
                ReductionKernel<TLanes, SumAccumulator>.Create(name, plan, op),
            ReductionOperator.Maximum => ReductionKernel<TLanes, MaximumAccumulator>.Create(name, plan, op),
            ReductionOperator.Minimum => ReductionKernel<TLanes, MinimumAccumulator>.Create(name, plan, op),
            ReductionOperator.Product => ReductionKernel<TLanes, ProductAccumulator>.Create(name, plan, op),
            ReductionOperator.SumOfSquares or ReductionOperator.L2 =>
                ReductionKernel<TLanes, SumOfSquaresAccumulator>.Create(name, plan, op),
            ReductionOperator.L1 => ReductionKernel<TLanes, AbsoluteSumAccumulator>.Create(name, plan, op),
            _ => throw new NotSupportedException($"{name}: unknown reduction {op}"),
        };

    private static CpuKernel OfNumbers<T>(string name, ReductionOperator op, ReductionPlan plan)
        where T : unmanaged, INumber<T>, IMinMaxValue<T> => op switch
        {
            ReductionOperator.Sum or ReductionOperator.Mean or ReductionOperator.LogSum =>
                new NumberReductionKernel<T, SumAccumulator>(name, plan, op),
            ReductionOperator.Maximum => new NumberReductionKernel<T, MaximumAccumulator>(name, plan, op),
            ReductionOperator.Minimum => new NumberReductionKernel<T, MinimumAccumulator>(name, plan, op),
            ReductionOperator.Product => new NumberReductionKernel<T, ProductAccumulator>(name, plan, op),
            ReductionOperator.SumOfSquares or ReductionOperator.L2 =>
                new NumberReductionKernel<T, SumOfSquaresAccumulator>(name, plan, op),
            ReductionOperator.L1 => new NumberReductionKernel<T, AbsoluteSumAccumulator>(name, plan, op),
            _ => throw new NotSupportedException($"{name}: {op} on {typeof(T).Name}"),
        };

    private sealed class ArgExtremeBuilder(string name, bool largest, bool selectLast, ReductionPlan plan)
        : INumberKernelBuilder
    {
        public CpuKernel Build<T>() where T : unmanaged, INumber<T> =>
            new ArgExtremeKernel<T>(name, largest, selectLast, plan);
    }
}
