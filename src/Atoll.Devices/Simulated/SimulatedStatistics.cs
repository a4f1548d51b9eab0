namespace Atoll.Devices;

/// <summary>What a simulated device did, in virtual nanoseconds of unit time unless said otherwise.</summary>
public sealed class SimulatedStatistics
{
    /// <summary>Most preemptions kept one by one; totals count on.</summary>
    public const int PreemptionsMax = 1 << 16;

    private readonly List<SimulatedPreemption> _preemptions = [];
    private readonly long[] _service = new long[2];

    /// <summary>The first <see cref="PreemptionsMax"/> preemptions.</summary>
    public IReadOnlyList<SimulatedPreemption> Preemptions => _preemptions;

    /// <summary>Sums and histograms over all preemptions.</summary>
    public PreemptionStatistics Totals { get; } = new();

    /// <summary>Times that padding was chosen.</summary>
    public long Selections { get; internal set; }

    /// <summary>Grants made.</summary>
    public long Grants { get; internal set; }

    /// <summary>
    /// Expected time of real-time kernels, and of those among them that got padding; device time, not unit time.
    /// </summary>
    public long RealTimeKernelTime { get; internal set; }

    public long PaddedKernelTime { get; internal set; }

    /// <summary>Share of real-time kernel time that had padding beside it, 0 to 1.</summary>
    public double PaddedShare => RealTimeKernelTime == 0 ? 0 : (double)PaddedKernelTime / RealTimeKernelTime;

    /// <summary>Unit time given to a class, work that was thrown away included.</summary>
    public long Service(WorkClass workClass) => _service[(int)workClass];

    internal void Serve(WorkClass workClass, long nanoseconds) => _service[(int)workClass] += nanoseconds;

    internal void Add(in SimulatedPreemption preemption)
    {
        if (_preemptions.Count < PreemptionsMax)
        {
            _preemptions.Add(preemption);
        }

        Totals.PreemptionCount++;
        Totals.DroppedCount += preemption.Dropped;
        Totals.EvictedCount += preemption.Evicted;
        Totals.StoppedCount += preemption.Stopped;
        Totals.Flag.Record(preemption.Flag);
        Totals.HostQueue.Record(preemption.HostQueue);
        Totals.DeviceQueue.Record(preemption.DeviceQueue);
        Totals.Running.Record(preemption.Running);
        Totals.Total.Record(preemption.Total);
    }
}
