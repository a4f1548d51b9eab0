using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>A kernel that treats each element of its output by itself, run by run.</summary>
internal abstract unsafe class StridedKernel(string name, StridedPlan plan, IReadOnlyList<BufferAccess> accesses)
    : CpuKernel(name, plan.Blocks, accesses)
{
    public override double EstimatedBlockMicroseconds => Plan.EstimatedMicroseconds;

    protected StridedPlan Plan { get; } = plan;

    public sealed override void RunBlock(int block, BlockContext context)
    {
        var cursor = new StridedCursor(Plan, block);
        var pointers = stackalloc byte*[StridedPlan.MaxOperands];
        for (int count; (count = cursor.Run()) > 0; cursor.Advance(count))
        {
            cursor.Pointers(pointers);
            Run(pointers, count);
            if (context.Yield())
            {
                return;
            }
        }
    }

    /// <summary>Computes <paramref name="count"/> elements; strides are those of the plan's innermost axis.</summary>
    protected abstract void Run(byte** operands, int count);

    protected static BufferAccess[] AccessesOf(params TensorRef[] operands) =>
        [.. operands[..^1].Select(operand => operand.Reads()), operands[^1].Writes()];
}
