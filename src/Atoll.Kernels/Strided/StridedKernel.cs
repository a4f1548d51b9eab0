using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>A kernel that treats each element of its output by itself, run by run.</summary>
internal abstract unsafe class StridedKernel(string name, StridedPlan plan, IReadOnlyList<BufferAccess> accesses)
    : CpuKernel(name, plan.Blocks, accesses)
{
    // Short runs of large operands lie so that the processor does not foresee the next one.
    private const int LongestFetchedRun = 512;
    private const int RowsAhead = 2;

    public override double EstimatedBlockMicroseconds => Plan.EstimatedMicroseconds;

    protected StridedPlan Plan { get; } = plan;

    public sealed override void RunBlock(int block, BlockContext context)
    {
        var cursor = new StridedCursor(Plan, block);
        var pointers = stackalloc byte*[StridedPlan.MaxOperands];
        var steps = stackalloc long[StridedPlan.MaxOperands];
        for (var operand = 0; operand < Plan.Operands; operand++)
        {
            steps[operand] = Plan.Outer(operand);
        }

        for (int count, rows; (count = cursor.Run()) > 0; cursor.Advance(count, rows))
        {
            cursor.Pointers(pointers);
            rows = cursor.Rows(count);
            RunRows(pointers, steps, count, rows);
            if (context.Yield())
            {
                return;
            }
        }
    }

    // Whole runs, each at the same distance from the one before.
    private void RunRows(byte** operands, long* steps, int count, int rows)
    {
        Run(operands, count);
        var fetches = Plan.Count > TilePrefetch.FarBytes / sizeof(float) && count is >= 16 and <= LongestFetchedRun;
        for (; rows > 1; rows--)
        {
            for (var operand = 0; fetches && operand < Plan.Operands; operand++)
            {
                TilePrefetch.Rows((float*)(operands[operand] + RowsAhead * steps[operand]), 0, 1,
                    (nint)(count * Plan.Inner(operand) / sizeof(float)));
            }

            operands[0] += steps[0];
            operands[1] += steps[1];
            operands[2] += steps[2];
            operands[3] += steps[3];
            Run(operands, count);
        }
    }

    /// <summary>Computes <paramref name="count"/> elements; strides are those of the plan's innermost axis.</summary>
    protected abstract void Run(byte** operands, int count);

    protected static BufferAccess[] AccessesOf(params TensorRef[] operands) =>
        [.. operands[..^1].Select(operand => operand.Reads()), operands[^1].Writes()];
}
