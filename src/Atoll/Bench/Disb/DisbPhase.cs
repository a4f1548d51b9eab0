using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>What one stretch of a DISB run measured.</summary>
internal sealed record DisbMeasurement
{
    /// <summary>Served requests per real-time client, milliseconds.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> RealTimeMs { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Seconds during which a real-time launch was on the device, per second.</summary>
    public required double RealTimeBusyShare { get; init; }

    /// <summary>Best-effort inferences by model.</summary>
    public required IReadOnlyList<(string Model, double Count)> BestEffort { get; init; }

    public required double PreemptP50Us { get; init; }

    public required double PreemptP99Us { get; init; }

    public required double SelectionNs { get; init; }

    public required long RepeatedBlocks { get; init; }

    public required double BestEffortUnitSeconds { get; init; }

    public required double PaddedUnitSeconds { get; init; }

    public required long BestEffortBlocks { get; init; }

    public double BestEffortRate => BestEffort.Sum(b => b.Count) / Seconds;

    /// <summary>Mean over clients of the client's mean, so that skipped frames of one do not shift the mix.</summary>
    public double MeanMs => RealTimeMs.Count == 0 ? 0 : RealTimeMs.Where(c => c.Count > 0).Average(c => c.Average());

    public double QuantileMs(double quantile) => Percentiles.Of([.. RealTimeMs.SelectMany(c => c).Order()], quantile);
}

/// <summary>Runs the clients of a workload together for a while, on one device in its present mode.</summary>
internal sealed class DisbPhase(
    CpuDevice device, IReadOnlyList<(DisbTask Task, ModelInstance Instance)> clients, TimeProvider clock)
{
    public DisbMeasurement Run(double seconds, double rateFactor, IReadOnlyDictionary<string, double> aloneMs, int seed)
    {
        var realTime = new List<DisbRealTimeClient>();
        var bestEffort = new List<DisbBestEffortClient>();
        var stagger = new Dictionary<double, double>();
        foreach (var (task, instance) in clients)
        {
            if (task.Class == WorkClass.BestEffort)
            {
                bestEffort.Add(new DisbBestEffortClient(instance, task));
                continue;
            }

            var offset = stagger.GetValueOrDefault(task.RatePerSecond);
            stagger[task.RatePerSecond] = offset + (aloneMs[task.Model] / 1000);
            var arrivals = DisbArrivals.Of(task, seconds, rateFactor, offset, new Random(seed + realTime.Count));
            realTime.Add(new DisbRealTimeClient(instance, task, arrivals, seconds, clock));
        }

        var result = Measure(realTime, bestEffort, seconds);
        realTime.ForEach(client => client.Dispose());
        bestEffort.ForEach(client => client.Dispose());
        return result;
    }

    private DisbMeasurement Measure(
        List<DisbRealTimeClient> realTime, List<DisbBestEffortClient> bestEffort, double seconds)
    {
        device.Statistics.Clear();
        var before = device.BusySeconds(WorkClass.BestEffort);
        var blocksBefore = device.BlocksRun(WorkClass.BestEffort);
        var start = clock.GetTimestamp();
        bestEffort.ForEach(client => client.Start());
        realTime.ForEach(client => client.Start(start));
        realTime.ForEach(client => client.Join());
        while (clock.GetElapsedTime(start).TotalSeconds < seconds)
        {
            ThreadScheduling.SleepPrecisely(TimeSpan.FromMilliseconds(5));
        }

        var elapsed = clock.GetElapsedTime(start).TotalSeconds;
        var counts = bestEffort.Select(client => (client.Model, client.Completed)).ToArray();
        var statistics = device.Statistics;
        var result = new DisbMeasurement
        {
            RealTimeMs = [.. realTime.Select(client => client.LatenciesMs)],
            Seconds = elapsed,
            RealTimeBusyShare = (double)BusyTime.Union(realTime.SelectMany(client => client.OnDevice)) /
                clock.TimestampFrequency / elapsed,
            BestEffort = counts,
            PreemptP50Us = statistics.Total.Quantile(0.5) / 1e3,
            PreemptP99Us = statistics.Total.Quantile(0.99) / 1e3,
            SelectionNs = statistics.MeanSelectionTicks * 1e9 / clock.TimestampFrequency,
            RepeatedBlocks = statistics.Repeated,
            BestEffortUnitSeconds = device.BusySeconds(WorkClass.BestEffort) - before,
            PaddedUnitSeconds = (double)statistics.PaddedTime / clock.TimestampFrequency,
            BestEffortBlocks = device.BlocksRun(WorkClass.BestEffort) - blocksBefore,
        };
        bestEffort.ForEach(client => client.Stop());
        return result;
    }
}
