namespace Atoll.Kernels;

/// <summary>A bfloat16 is the upper half of a float.</summary>
internal sealed unsafe class WidenBFloat16Kernel(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(1, x, y), AccessesOf(x, y))
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            *(uint*)(operands[1] + i * Plan.Inner(1)) = (uint)*(ushort*)(operands[0] + i * Plan.Inner(0)) << 16;
        }
    }
}

/// <summary>Rounded to the nearest, ties to even; NaN stays NaN.</summary>
internal sealed unsafe class NarrowBFloat16Kernel(string name, TensorRef x, TensorRef y)
    : StridedKernel(name, new StridedPlan(1.5, x, y), AccessesOf(x, y))
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var bits = *(uint*)(operands[0] + i * Plan.Inner(0));
            var isNaN = (bits & 0x7FFFFFFF) > 0x7F800000;
            *(ushort*)(operands[1] + i * Plan.Inner(1)) = isNaN ? (ushort)(bits >> 16 | 0x40)
                : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }
}
