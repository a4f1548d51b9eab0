using Atoll.Devices;

namespace Atoll;

/// <summary>Time from the entry of Submit to the first block, and whether a garbage collection fell into it.</summary>
internal readonly record struct PreemptSample(double Microseconds, bool HadGc);

/// <summary>One phase of <see cref="PreemptBench"/>: samples in ascending order, and what the device counted.</summary>
internal sealed record PreemptMeasurement(double[] Clean, double[] Collected, long AllocatedBytesPerLaunch)
{
    public required PreemptStages StagesP50 { get; init; }

    public required PreemptStages StagesP99 { get; init; }

    public required long Repeated { get; init; }

    public required long Stopped { get; init; }

    public required long Dropped { get; init; }

    public required long Evicted { get; init; }

    public static PreemptMeasurement Of(PreemptSample[] samples, PreemptionStatistics statistics, long allocated) =>
        new([.. samples.Where(s => !s.HadGc).Select(s => s.Microseconds).Order()],
            [.. samples.Where(s => s.HadGc).Select(s => s.Microseconds).Order()], allocated)
        {
            StagesP50 = Stages(statistics, 0.5),
            StagesP99 = Stages(statistics, 0.99),
            Repeated = statistics.Repeated,
            Stopped = statistics.Stopped,
            Dropped = statistics.Dropped,
            Evicted = statistics.Evicted,
        };

    private static PreemptStages Stages(PreemptionStatistics s, double quantile)
    {
        double Us(LatencyHistogram stage) => Math.Round(stage.Quantile(quantile) / 1e3, 3);
        return new PreemptStages(Us(s.Flag), Us(s.Running), Us(s.Idle), Us(s.DeviceQueue), Us(s.HostQueue));
    }
}
