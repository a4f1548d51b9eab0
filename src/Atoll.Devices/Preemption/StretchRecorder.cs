using System.Runtime.InteropServices;

namespace Atoll.Devices;

/// <summary>
/// Runs kernels on the calling thread, undisturbed, and times each stretch from one yield point (or the start of a
/// block) to the next (or its end): the time that preemption has to wait for.
/// </summary>
public sealed unsafe class StretchRecorder : BlockContext
{
    private readonly long* _changed = (long*)NativeMemory.AllocZeroed(64);
    private readonly TimeProvider _clock;
    private readonly double _ticksPerUs;
    private YieldStretches _stretches = new();
    private long _since;

    public StretchRecorder(TimeProvider clock, int scratchBytes = 4 << 20) : base(scratchBytes)
    {
        (_clock, _ticksPerUs) = (clock, clock.TimestampFrequency / 1e6);
        Word = _changed;
        // Never equal, so that each yield point asks.
        Seen = -1;
    }

    /// <summary>Runs all blocks of a kernel in order.</summary>
    public YieldStretches Record(CpuKernel kernel)
    {
        _stretches = new YieldStretches();
        for (var block = 0; block < kernel.Blocks; block++)
        {
            _since = _clock.GetTimestamp();
            kernel.RunBlock(block, this);
            Record();
        }

        return _stretches;
    }

    private protected override bool OnSignal()
    {
        Record();
        _since = _clock.GetTimestamp();
        return false;
    }

    private void Record() => _stretches.Add((_clock.GetTimestamp() - _since) / _ticksPerUs);

    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(_changed);
        base.Dispose(disposing);
    }
}
