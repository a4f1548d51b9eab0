
namespace Atoll;

/// <summary>How `bench peer-sharing` runs.</summary>
internal sealed record PeerSharingOptions(
    string RealTimeModel, string BestEffortModel, double BusyShare, int Repetitions, double PhaseSeconds, int Units);

/// <summary>
/// The same mix, one real-time client at a fixed rate beside one closed-loop best-effort client, on Atoll and on ONNX
/// Runtime in two processes, phases interleaved so that drift hits all alike.
/// </summary>
internal sealed class PeerSharingBench(PeerSharingOptions options, TimeProvider clock, Action<string> progress)
{
    public async Task<PeerSharingReport> RunAsync()
    {
        var widths = DisbModels.DefaultWidths;
        var realTimePath = SampleModelCache.PathOf(options.RealTimeModel, widths[options.RealTimeModel]);
        var bestEffortPath = SampleModelCache.PathOf(options.BestEffortModel, widths[options.BestEffortModel]);
        using var ours = new AtollMix(options, widths, clock);
        using var peerRealTime = OrtProcess.Start(realTimePath, isIdlePriority: false);
        using var peerPlain = OrtProcess.Start(bestEffortPath, isIdlePriority: false);
        using var peerIdle = OrtProcess.Start(bestEffortPath, isIdlePriority: true);
        var peerAlone = Percentiles.Median((await peerRealTime.RunAsync(2, 0)).LatenciesMs);
        // One rate for both engines, set by the slower one, so that neither is driven past the stated load.
        var rate = options.BusyShare * 1000 / Math.Max(peerAlone, ours.AloneMs);
        var engines = new (string Name, Func<bool, bool, Task<MixRun>> Run)[]
        {
            ("atoll", (rt, be) => ours.RunAsync(rt, be, rate, options.PhaseSeconds)),
            ("onnxruntime", (rt, be) => RunPeerAsync(rt ? peerRealTime : null, be ? peerPlain : null, rate)),
            ("onnxruntime_idle", (rt, be) => RunPeerAsync(rt ? peerRealTime : null, be ? peerIdle : null, rate)),
        };
        var rounds =
            engines.ToDictionary(e => e.Name, _ => new List<MixRound>());
        for (var repetition = 0; repetition < options.Repetitions; repetition++)
        {
            foreach (var (name, run) in engines)
            {
                progress($"repetition {repetition + 1} of {options.Repetitions}: {name}");
                rounds[name].Add(new MixRound(
                    await run(true, false), await run(false, true), await run(true, true), await run(true, false)));
            }
        }

        return new PeerSharingReport
        {
            Machine = BenchJson.Machine,
            RealTimeModel = Path.GetFileNameWithoutExtension(realTimePath),
            BestEffortModel = Path.GetFileNameWithoutExtension(bestEffortPath),
            RatePerSecond = Math.Round(rate, 2),
            Repetitions = options.Repetitions,
            Rows = [.. rounds.Select(r => RowOf(r.Key, r.Value))],
        };
    }

    private async Task<MixRun> RunPeerAsync(OrtProcess? realTime, OrtProcess? bestEffort, double rate)
    {
        var best = bestEffort?.RunAsync(options.PhaseSeconds, 0);
        var real = realTime?.RunAsync(options.PhaseSeconds, rate);
        var latencies = real is null ? [] : (await real).LatenciesMs;
        var served = best is null ? null : await best;
        return new MixRun([.. latencies.Order()], served is null ? 0 : served.LatenciesMs.Length / served.Seconds);
    }

    private static PeerSharingRow RowOf(string engine, List<MixRound> rounds)
    {
        double Median(Func<MixRound, double> figure) => Percentiles.Median(rounds.Select(figure));
        // A phase holds about a hundred requests, so its p99 is nearly its maximum: take the tail over all repetitions.
        double P99(Func<MixRound, IEnumerable<double>> latencies) =>
            Percentiles.Of([.. rounds.SelectMany(latencies).Order()], 0.99);
        var aloneP99 = P99(r => r.RealTime.LatenciesMs.Concat(r.Again.LatenciesMs));
        var bothP99 = P99(r => r.Both.LatenciesMs);
        return new PeerSharingRow
        {
            Engine = engine,
            RtAloneMeanMs = Median(r => r.AloneMeanMs),
            RtAloneP99Ms = aloneP99,
            RtMeanMs = Median(r => r.Both.MeanMs),
            RtP99Ms = bothP99,
            RtMeanIncrease = Median(r => (r.Both.MeanMs / r.AloneMeanMs) - 1),
            RtP99Increase = (bothP99 / aloneP99) - 1,
            NoiseP99Increase = Math.Abs((P99(r => r.Again.LatenciesMs) / P99(r => r.RealTime.LatenciesMs)) - 1),
            BeAloneRps = Median(r => r.BestEffort.BestEffortRate),
            BeRps = Median(r => r.Both.BestEffortRate),
            BeShareOfAlone = Median(r => r.Both.BestEffortRate / r.BestEffort.BestEffortRate),
        };
    }
}

/// <summary>Latencies in ms, ascending, and best-effort inferences per second of one phase.</summary>
internal sealed record MixRun(double[] LatenciesMs, double BestEffortRate)
{
    public double MeanMs => LatenciesMs.Length == 0 ? 0 : LatenciesMs.Average();
}

/// <summary>
/// One repetition of one engine: real-time alone, best-effort alone, both, and real-time alone again.
/// </summary>
internal sealed record MixRound(MixRun RealTime, MixRun BestEffort, MixRun Both, MixRun Again)
{
    // Both alone runs frame the shared one, so that slow drift cancels out.
    public double AloneMeanMs => (RealTime.MeanMs + Again.MeanMs) / 2;
}
