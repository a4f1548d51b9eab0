using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>How `bench disb` runs.</summary>
internal sealed record DisbOptions
{
    public required DisbWorkload Workload { get; init; }

    public required IReadOnlyList<ShareMode> Modes { get; init; }

    public required int Units { get; init; }

    public required int Repetitions { get; init; }

    public required double PhaseSeconds { get; init; }

    /// <summary>Share of time that real-time work alone should keep the device busy; sets the rate factor.</summary>
    public required double BusyShare { get; init; }

    public required IReadOnlyDictionary<string, double> Widths { get; init; }

    public int Seed { get; init; } = 1;
}

/// <summary>
/// DISB on the CPU device: interleaved repetitions of real-time alone, best-effort alone, every way of sharing, and
/// real-time alone again, so that drift of the machine hits all alike and its noise is known.
/// </summary>
internal sealed class DisbBench : IDisposable
{
    private readonly DisbOptions _options;
    private readonly TimeProvider _clock;
    private readonly Action<string> _progress;
    private readonly CpuDevice _device;
    private readonly DisbModels _models;
    private readonly (DisbTask Task, ModelInstance Instance)[] _clients;
    private readonly Dictionary<string, double> _aloneMs = [];

    public DisbBench(DisbOptions options, TimeProvider clock, Action<string> progress)
    {
        (_options, _clock, _progress) = (options, clock, progress);
        _device = new CpuDevice(new CpuDeviceOptions { Units = options.Units });
        _models = DisbModels.Load(options.Workload.Tasks.Select(t => t.Model), options.Widths, progress);
        _clients =
            [.. options.Workload.Tasks.Select((t, i) => (t, _models.Instantiate(t.Model, _device, options.Seed + i)))];
    }

    public DisbReport Run()
    {
        MeasureModels();
        var rateFactor = RateFactor();
        var rounds = Enumerable.Range(0, _options.Repetitions).Select(r => Repeat(r, rateFactor)).ToArray();
        return new DisbReport
        {
            Machine = BenchJson.Machine,
            Workload = _options.Workload.Name,
            Units = _device.Units,
            Repetitions = _options.Repetitions,
            PhaseSeconds = _options.PhaseSeconds,
            RateFactor = Math.Round(rateFactor, 4),
            Models = [.. _aloneMs.Select(m => new DisbModelInfo(m.Key, _models.Widths[m.Key], Math.Round(m.Value, 3)))],
            RtAloneBusyShare = Percentiles.Median(rounds.Select(r => r.Alone.RealTimeBusyShare)),
            BeAloneRps = Percentiles.Median(rounds.Select(r => r.BestEffortAlone.BestEffortRate)),
            Rows = [.. _options.Modes.Select(mode => RowOf(mode, rounds))],
        };
    }

    public void Dispose()
    {
        _models.Dispose();
        _device.Dispose();
    }

    /// <summary>Median latency of each model with the device to itself.</summary>
    private void MeasureModels()
    {
        using var stream = _device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "alone" });
        foreach (var (task, instance) in _clients)
        {
            var launch = new Launch(instance.Program);
            var samples = new List<double>();
            for (var i = 0; i < 15; i++)
            {
                stream.Submit(launch);
                launch.Wait();
                samples.Add(_clock.GetElapsedTime(launch.StartedAt, launch.EndedAt).TotalMilliseconds);
            }

            _aloneMs[task.Model] = Percentiles.Median(samples.Skip(3));
        }
    }

    private double RateFactor()
    {
        var demand = _options.Workload.Tasks.Where(t => t.Class == WorkClass.RealTime)
            .Sum(t => t.RatePerSecond * _aloneMs[t.Model] / 1000);
        return demand > _options.BusyShare ? _options.BusyShare / demand : 1;
    }

    private Round Repeat(int repetition, double rateFactor)
    {
        var seed = _options.Seed + (1000 * repetition);
        DisbMeasurement Phase(ShareMode mode, string what, Func<DisbTask, bool> takesPart)
        {
            _progress($"repetition {repetition + 1} of {_options.Repetitions}: {what}");
            _device.SwitchMode(mode);
            var phase = new DisbPhase(_device, [.. _clients.Where(c => takesPart(c.Task))], _clock);
            return phase.Run(_options.PhaseSeconds, rateFactor, _aloneMs, seed);
        }

        var alone = Phase(ShareMode.ResetPadding, "real-time alone", t => t.Class == WorkClass.RealTime);
        var bestEffort = Phase(ShareMode.ResetPadding, "best-effort alone", t => t.Class == WorkClass.BestEffort);
        var loaded =
            _options.Modes.ToDictionary(mode => mode, mode => Phase(mode, ShareModeNames.NameOf(mode), _ => true));
        var again = Phase(ShareMode.ResetPadding, "real-time alone again", t => t.Class == WorkClass.RealTime);
        return new Round(alone, bestEffort, loaded, again);
    }

    private DisbRow RowOf(ShareMode mode, Round[] rounds)
    {
        double Median(Func<Round, DisbMeasurement, double> figure) =>
            Percentiles.Median(rounds.Select(r => figure(r, r.Loaded[mode])));
        return new DisbRow
        {
            Mode = ShareModeNames.NameOf(mode),
            RtAloneMeanMs = Median((r, _) => r.Alone.MeanMs),
            RtAloneP99Ms = Median((r, _) => r.Alone.QuantileMs(0.99)),
            RtMeanMs = Median((_, m) => m.MeanMs),
            RtP50Ms = Median((_, m) => m.QuantileMs(0.5)),
            RtP99Ms = Median((_, m) => m.QuantileMs(0.99)),
            RtMeanIncrease = Median((r, m) => (m.MeanMs / r.AloneMean) - 1),
            RtP99Increase = Median((r, m) => (m.QuantileMs(0.99) / r.AloneP99) - 1),
            NoiseMeanIncrease = Median((r, _) => Math.Abs((r.Again.MeanMs / r.Alone.MeanMs) - 1)),
            NoiseP99Increase = Median((r, _) => Math.Abs((r.Again.QuantileMs(0.99) / r.Alone.QuantileMs(0.99)) - 1)),
            RtMeanIncreasePooled = (PooledMean(rounds, r => [r.Loaded[mode]]) /
                PooledMean(rounds, r => [r.Alone, r.Again])) - 1,
            NoiseMeanIncreasePooled =
                Math.Abs((PooledMean(rounds, r => [r.Again]) / PooledMean(rounds, r => [r.Alone])) - 1),
            RtP99IncreasePooled = (PooledP99(rounds, r => [r.Loaded[mode]]) /
                PooledP99(rounds, r => [r.Alone, r.Again])) - 1,
            NoiseP99IncreasePooled =
                Math.Abs((PooledP99(rounds, r => [r.Again]) / PooledP99(rounds, r => [r.Alone])) - 1),
            RtRps = Median((_, m) => m.RealTimeMs.Sum(c => c.Count) / m.Seconds),
            BeRps = Median((_, m) => m.BestEffortRate),
            BeShareOfLeftover =
                Median((r, m) => WorkRate(m) / ((1 - r.Alone.RealTimeBusyShare) * WorkRate(r.BestEffortAlone))),
            PreemptP50Us = Median((_, m) => m.PreemptP50Us),
            PreemptP99Us = Median((_, m) => m.PreemptP99Us),
            RepeatedShare = Median((_, m) => (double)m.RepeatedBlocks / Math.Max(1, m.BestEffortBlocks)),
            PaddingShare = Median((_, m) => m.PaddedUnitSeconds / Math.Max(1e-9, m.BestEffortUnitSeconds)),
            SelectionNs = Median((_, m) => m.SelectionNs),
        };
    }

    private static double PooledMean(Round[] rounds, Func<Round, DisbMeasurement[]> phases) =>
        Pooled(rounds, phases).Average();

    private static double PooledP99(Round[] rounds, Func<Round, DisbMeasurement[]> phases) =>
        Percentiles.Of([.. Pooled(rounds, phases).Order()], 0.99);

    private static IEnumerable<double> Pooled(Round[] rounds, Func<Round, DisbMeasurement[]> phases) =>
        rounds.SelectMany(phases).SelectMany(phase => phase.RealTimeMs).SelectMany(client => client);

    /// <summary>
    /// Best-effort work per second: inferences weighted by what one costs alone, so that a shifted mix counts right.
    /// </summary>
    private double WorkRate(DisbMeasurement measured) =>
        measured.BestEffort.Sum(b => b.Count * _aloneMs[b.Model]) / measured.Seconds;

    private sealed record Round(DisbMeasurement Alone, DisbMeasurement BestEffortAlone,
        IReadOnlyDictionary<ShareMode, DisbMeasurement> Loaded, DisbMeasurement Again)
    {
        // Both alone runs frame the loaded ones, so that slow drift cancels out.
        public double AloneMean => (Alone.MeanMs + Again.MeanMs) / 2;

        public double AloneP99 => (Alone.QuantileMs(0.99) + Again.QuantileMs(0.99)) / 2;
    }
}
