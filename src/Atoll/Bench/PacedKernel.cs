using System.Runtime.Intrinsics.X86;
using Atoll.Devices;

namespace Atoll;

/// <summary>
/// A kernel whose blocks only pass time, with a yield point about every half microsecond: isolates what preemption
/// costs from what a model computes.
/// </summary>
internal sealed class PacedKernel(string name, int blocks, double blockMicroseconds, TimeProvider clock)
    : CpuKernel(name, blocks, [])
{
    private readonly long _ticks = (long)(blockMicroseconds * clock.TimestampFrequency / 1e6);

    public override double EstimatedBlockMicroseconds => blockMicroseconds;

    public override void RunBlock(int block, BlockContext context)
    {
        var last = clock.GetTimestamp();
        var step = clock.TimestampFrequency / 1_000_000;
        long passed = 0;
        while (passed < _ticks)
        {
            for (var i = 0; i < 4; i++)
            {
                X86Base.Pause();
            }

            if (context.Yield())
            {
                return;
            }

            // Time that nested work took is not this block's own; a step counts for one microsecond at most.
            var now = clock.GetTimestamp();
            passed += Math.Min(now - last, step);
            last = now;
        }
    }
}
