using System.Numerics;

namespace Atoll.Kernels;

/// <summary>y = f(a, b) on floats; operands with inner stride one or zero go by whole registers.</summary>
internal sealed unsafe class BinaryVectorKernel<TLanes, TFunction>(string name, TensorRef a, TensorRef b, TensorRef y)
    : StridedKernel(name, new StridedPlan(1.2, a, b, y), AccessesOf(a, b, y))
    where TLanes : struct, ILanes<TLanes>
    where TFunction : struct, IBinaryFunction
{
    protected override void Run(byte** operands, int count)
    {
        long strideA = Plan.Inner(0), strideB = Plan.Inner(1), strideY = Plan.Inner(2);
        var whole = strideY == sizeof(float) && strideA is 0 or sizeof(float) && strideB is 0 or sizeof(float)
            ? count - count % TLanes.Count : 0;
        float* first = (float*)operands[0], second = (float*)operands[1], target = (float*)operands[2];
        int stepA = strideA == 0 ? 0 : 1, stepB = strideB == 0 ? 0 : 1;
        if (whole > 0)
        {
            TLanes splatA = TLanes.Create(*first), splatB = TLanes.Create(*second);
            for (var i = 0; i < whole; i += TLanes.Count)
            {
                var valueA = stepA == 0 ? splatA : TLanes.Load(first + i);
                var valueB = stepB == 0 ? splatB : TLanes.Load(second + i);
                TLanes.Store(TFunction.Invoke(valueA, valueB), target + i);
            }
        }

        for (var i = whole; i < count; i++)
        {
            var valueA = Lanes1.Load((float*)(operands[0] + i * strideA));
            var valueB = Lanes1.Load((float*)(operands[1] + i * strideB));
            Lanes1.Store(TFunction.Invoke(valueA, valueB), (float*)(operands[2] + i * strideY));
        }
    }
}

/// <summary>y = f(a, b) on numbers of any type, one by one.</summary>
internal sealed unsafe class BinaryNumberKernel<T, TFunction>(string name, TensorRef a, TensorRef b, TensorRef y)
    : StridedKernel(name, new StridedPlan(4, a, b, y), AccessesOf(a, b, y))
    where T : unmanaged, INumber<T>
    where TFunction : struct, INumberFunction
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var valueA = *(T*)(operands[0] + i * Plan.Inner(0));
            var valueB = *(T*)(operands[1] + i * Plan.Inner(1));
            *(T*)(operands[2] + i * Plan.Inner(2)) = TFunction.Invoke(valueA, valueB);
        }
    }
}

/// <summary>y = a compared with b, as a byte 0 or 1.</summary>
internal sealed unsafe class ComparisonKernel<T, TComparison>(string name, TensorRef a, TensorRef b, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, a, b, y), AccessesOf(a, b, y))
    where T : unmanaged, INumber<T>
    where TComparison : struct, IComparison
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var valueA = *(T*)(operands[0] + i * Plan.Inner(0));
            var valueB = *(T*)(operands[1] + i * Plan.Inner(1));
            *(operands[2] + i * Plan.Inner(2)) = TComparison.Invoke(valueA, valueB) ? (byte)1 : (byte)0;
        }
    }
}
