using Atoll.Devices;

namespace Atoll;

/// <summary>What one phase measured, before it becomes a row.</summary>
internal sealed record DemoMeasurement
{
    public required IReadOnlyList<RealTimeSamples> RealTime { get; init; }

    /// <summary>Best-effort answers per second by model.</summary>
    public required IReadOnlyDictionary<string, double> BestEffort { get; init; }

    public required long Preemptions { get; init; }

    public required DemoPreemption? Latency { get; init; }

    public required long RepeatedBlocks { get; init; }

    public required long BestEffortBlocks { get; init; }

    public double BestEffortRate => BestEffort.Values.Sum();

    /// <summary>Mean over all real-time answers, in milliseconds.</summary>
    public double MeanMs => RealTime.SelectMany(client => client.LatenciesMs).DefaultIfEmpty().Average();

    /// <summary>One short line for the progress display: p50/p99 of each client, and the best-effort rate.</summary>
    public string Summary()
    {
        var clients = RealTime.Select(client => Latencies.Of(client)).Select(client =>
            FormattableString.Invariant($"{client.Model} {client.P50Ms:0.0}/{client.P99Ms:0.0}"));
        string[] parts =
        [
            .. RealTime.Count == 0 ? [] : new[] { $"{string.Join(", ", clients)} ms" },
            .. BestEffort.Count == 0 ? [] : new[] { FormattableString.Invariant($"{BestEffortRate:0.0} req/s") },
        ];
        return string.Join(", ", parts);
    }

    /// <summary>The row of a phase, or of several phases together.</summary>
    public static DemoRow Row(string mode, IReadOnlyList<DemoMeasurement> phases, double bestEffortAlone)
    {
        var rates = phases[0].BestEffort.Keys.ToDictionary(
            model => model, model => Math.Round(phases.Average(phase => phase.BestEffort[model]), 2));
        var clients = phases.SelectMany(phase => phase.RealTime).GroupBy(client => client.Client);
        var repeated = phases.Sum(phase => phase.RepeatedBlocks);
        return new DemoRow
        {
            Mode = mode,
            RealTime = [.. clients.Select(group => Latencies.Of([.. group]))],
            BeRps = Math.Round(rates.Values.Sum(), 2),
            BeShareOfAlone = bestEffortAlone > 0 ? Math.Round(rates.Values.Sum() / bestEffortAlone, 3) : 0,
            BeRpsByModel = rates,
            Preemptions = phases.Sum(phase => phase.Preemptions),
            PreemptUs = phases[^1].Latency,
            RepeatedBlocks = repeated,
            RepeatedShare = (double)repeated / long.Max(1, phases.Sum(phase => phase.BestEffortBlocks)),
        };
    }
}

/// <summary>Order statistics of what clients and the device recorded.</summary>
internal static class Latencies
{
    public static DemoLatency Of(params IReadOnlyList<RealTimeSamples> runs)
    {
        double[] sorted = [.. runs.SelectMany(run => run.LatenciesMs).Order()];
        return new DemoLatency
        {
            Model = runs[0].Client,
            Answers = sorted.Length,
            Missed = runs.Sum(run => run.Missed),
            MeanMs = Math.Round(sorted.DefaultIfEmpty().Average(), 3),
            P50Ms = Math.Round(Percentiles.Of(sorted, 0.5), 3),
            P99Ms = Math.Round(Percentiles.Of(sorted, 0.99), 3),
        };
    }

    /// <summary>The stages that the device recorded since its statistics were cleared; null without a record.</summary>
    public static DemoPreemption? Of(PreemptionStatistics statistics) => statistics.Total.Count == 0 ? null : new()
    {
        Total = Stage(statistics.Total),
        Flag = Stage(statistics.Flag),
        Running = Stage(statistics.Running),
        Idle = Stage(statistics.Idle),
        DeviceQueue = Stage(statistics.DeviceQueue),
        HostQueue = Stage(statistics.HostQueue),
    };

    private static DemoStage Stage(LatencyHistogram stage) =>
        new(stage.Count, Math.Round(stage.Quantile(0.5) / 1e3, 3), Math.Round(stage.Quantile(0.99) / 1e3, 3));
}
