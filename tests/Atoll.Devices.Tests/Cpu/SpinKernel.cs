using System.Runtime.Intrinsics.X86;

namespace Atoll.Devices.Tests;

/// <summary>Blocks that compute for about a given time, with a yield point every few hundred nanoseconds.</summary>
internal sealed class SpinKernel(string name, int blocks, int steps, int[]? finished = null)
    : CpuKernel(name, blocks, [])
{
    public override void RunBlock(int block, BlockContext context)
    {
        for (var step = 0; step < steps; step++)
        {
            for (var i = 0; i < 8; i++)
            {
                X86Base.Pause();
            }

            if (context.Yield())
            {
                return;
            }
        }

        if (finished is not null)
        {
            Interlocked.Increment(ref finished[block]);
        }
    }
}
