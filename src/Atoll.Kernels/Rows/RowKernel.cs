using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A kernel whose work is many independent rows, dealt to blocks of some tens of microseconds, with a yield point after
/// each row.
/// </summary>
internal abstract class RowKernel(string name, long rows, double rowNanoseconds, IReadOnlyList<BufferAccess> accesses)
    : CpuKernel(name, BlocksOf(rows, rowNanoseconds), accesses)
{
    private const double BlockNanoseconds = 30_000;

    public override double EstimatedBlockMicroseconds => rows * rowNanoseconds / Blocks / 1000;

    public sealed override void RunBlock(int block, BlockContext context)
    {
        long first = rows * block / Blocks, end = rows * (block + 1) / Blocks;
        for (var row = first; row < end; row++)
        {
            if (!Row(row, context) || context.Yield())
            {
                return;
            }
        }
    }

    /// <summary>Computes one row; false when a yield point inside asked to leave.</summary>
    protected abstract bool Row(long row, BlockContext context);

    private static int BlocksOf(long rows, double rowNanoseconds) =>
        (int)Math.Clamp(rows * rowNanoseconds / BlockNanoseconds, 1, Math.Max(1, Math.Min(rows, 4096)));
}
