namespace Atoll.Devices;

/// <summary>
/// What preemptions cost since the device was made: counts of work by the place where it sat, and latency by stage.
/// Stages follow the launch: flag (submit until the word is published), running or idle (until a unit notices it, while
/// running a block or while idle), device queue (eviction), host queue (fetching the real-time kernel until its first
/// block starts), and the total until every unit that the first kernel needs has started.
/// </summary>
public sealed class PreemptionStatistics
{
    internal long PreemptionCount;
    internal long DroppedCount;
    internal long EvictedCount;
    internal long StoppedCount;
    internal long RepeatedCount;
    internal long PaddedTicks;
    internal long SelectionTicks;
    internal long SelectionCount;

    /// <summary>Real-time launches that found best-effort work on the device.</summary>
    public long Preemptions => Interlocked.Read(ref PreemptionCount);

    /// <summary>Kernels held back in host queues, summed over preemptions.</summary>
    public long Dropped => Interlocked.Read(ref DroppedCount);

    /// <summary>Kernels taken back from device queues.</summary>
    public long Evicted => Interlocked.Read(ref EvictedCount);

    /// <summary>Running blocks stopped at a yield point.</summary>
    public long Stopped => Interlocked.Read(ref StoppedCount);

    /// <summary>Blocks that had been started before and were run again.</summary>
    public long Repeated => Interlocked.Read(ref RepeatedCount);

    /// <summary>Unit time given to best-effort blocks while real-time work was on the device, in clock ticks.</summary>
    public long PaddedTime => Interlocked.Read(ref PaddedTicks);

    /// <summary>Mean cost of choosing what to pad, in clock ticks.</summary>
    public double MeanSelectionTicks =>
        Interlocked.Read(ref SelectionCount) is var count and > 0 ? (double)Interlocked.Read(ref SelectionTicks) / count
            : 0;

    internal void AddSelection(long ticks)
    {
        Interlocked.Add(ref SelectionTicks, ticks);
        Interlocked.Increment(ref SelectionCount);
    }

    public LatencyHistogram Flag { get; } = new();

    public LatencyHistogram HostQueue { get; } = new();

    public LatencyHistogram DeviceQueue { get; } = new();

    public LatencyHistogram Running { get; } = new();

    public LatencyHistogram Idle { get; } = new();

    public LatencyHistogram Total { get; } = new();

    /// <summary>
    /// Records how a launch reached the units, once every block that could start at once has started.
    /// </summary>
    internal void Record(Launch launch, long noticedAt, long clearedAt, bool wasRunning, long clockFrequency)
    {
        long Nanoseconds(long ticks) =>
            clockFrequency == 1_000_000_000 ? ticks : ticks * 1_000_000_000 / clockFrequency;
        Flag.Record(Nanoseconds(launch.SignalledAt - launch.SubmittedAt));
        (wasRunning ? Running : Idle).Record(Nanoseconds(noticedAt - launch.SignalledAt));
        DeviceQueue.Record(Nanoseconds(clearedAt - noticedAt));
        HostQueue.Record(Nanoseconds(launch.SpreadAt - clearedAt));
        Total.Record(Nanoseconds(launch.SpreadAt - launch.SubmittedAt));
    }

    /// <summary>Starts counting anew, e.g. after a warm-up.</summary>
    public void Clear()
    {
        PreemptionCount = DroppedCount = EvictedCount = StoppedCount = RepeatedCount = PaddedTicks = 0;
        SelectionTicks = SelectionCount = 0;
        foreach (var stage in new[] { Flag, HostQueue, DeviceQueue, Running, Idle, Total })
        {
            stage.Clear();
        }
    }
}
