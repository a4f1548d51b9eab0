using System.Numerics;

namespace Atoll.Kernels;

/// <summary>y = f(x) one element at a time, for functions and types without a vector form.</summary>
internal sealed unsafe class ScalarUnaryKernel<T>(string name, TensorRef x, TensorRef y, Func<T, T> function)
    : StridedKernel(name, new StridedPlan(8, x, y), AccessesOf(x, y))
    where T : unmanaged, INumber<T>
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            *(T*)(operands[1] + i * Plan.Inner(1)) = function(*(T*)(operands[0] + i * Plan.Inner(0)));
        }
    }
}
