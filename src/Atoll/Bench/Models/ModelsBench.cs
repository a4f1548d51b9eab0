using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Kernels;
using Atoll.Models;

namespace Atoll;

/// <summary>How `bench models` runs.</summary>
internal sealed record ModelsBenchOptions(
    IReadOnlyList<string> Models, IReadOnlyList<int> Threads, IReadOnlyList<int> Batches, bool HasPeer, int Runs)
{
    /// <summary>Fresh processes in which each engine loads each model.</summary>
    public int ColdLoads { get; init; } = 3;
}

/// <summary>
/// Whole models beside ONNX Runtime under the same conditions: the same file, the same CPUs, stints of a few runs in
/// turn, so that drift of the machine hits both.
/// </summary>
internal sealed class ModelsBench(ModelsBenchOptions options, TimeProvider clock, Action<string> progress)
{
    // A run that takes longer than this is measured fewer times.
    private const double LongRunMs = 1000;
    private const int LongRuns = 5;
    private const double StintMs = 100;
    private const int StintRunsMax = 5;

    // Of this process alone: a first load measures, a second one knows.
    private readonly KernelTuning _tuning = new(null, "", clock, _ => { });

    public ModelsReport Run()
    {
        var cpus = ThreadScheduling.AllowedCpus();
        if (options.Threads.Any(t => t < 1 || t > cpus.Count))
        {
            throw new UsageException($"--threads: 1 to {cpus.Count} are possible here, one per CPU");
        }

        var peak = MultiplyAddRate.Measure(clock);
        string? peerName = null;
        List<ModelsRow> rows = [];
        foreach (var model in options.Models)
        {
            progress($"{model}: making or finding its file");
            var path = SampleModelCache.OpenBatchPathOf(model);
            progress($"{model}: first loads of fresh processes");
            var (cold, peerCold) = ColdLoad.Measure(
                (path, options.Threads[0], options.Batches[0]), options.HasPeer, options.ColdLoads);
            foreach (var threads in options.Threads)
            {
                using var peer = options.HasPeer ? OrtModel.Start(cpus.Skip(cpus.Count - threads)) : null;
                peerName ??= peer?.Version();
                rows.AddRange(Measure(model, path, threads, peer, peak).Select(row => row with
                {
                    LoadColdMs = Math.Round(cold, 1), PeerLoadColdMs = Rounded(peerCold, 1),
                }));
            }
        }

        return new ModelsReport
        {
            Machine = BenchJson.Machine,
            Peer = peerName,
            PeakGflops = Math.Round(peak, 1),
            Rows = rows,
            Geomean = ModelsMeans.Of(rows),
        };
    }

    private List<ModelsRow> Measure(string model, string path, int threads, OrtModel? peer, double peak)
    {
        List<ModelsRow> rows = [];
        var peerLoad = peer?.Load(path, threads, options.Batches[0]);
        // Twice: the first load also compiles what it is the first to use, and may find the file on disk only.
        var cold = LoadOnce(path, threads);
        using var ours = new MeasuredModel(path, threads, options.Batches[0], clock, _tuning);
        foreach (var batch in options.Batches)
        {
            progress($"{model}: {threads} threads, batch {batch}");
            if (batch != options.Batches[0])
            {
                peer?.Load(path, threads, batch);
                ours.UseBatch(batch);
            }

            var error = peer is null ? (double?)null : Compare(ours, peer);
            peer?.AwaitRest();
            var (own, other) = Interleave(ours, peer);
            var work = FlopCount.PerNode(ours.Graph, ours.InputShapes).Values.Sum();
            var row = Row(own, other, work) with
            {
                Model = model, Threads = threads, Batch = batch,
                LoadMs = Math.Round(cold, 1), WarmLoadMs = Math.Round(ours.LoadMilliseconds, 1),
                PeerLoadMs = Rounded(peerLoad, 1),
                MaxRelError = error,
                MemoryMb = Math.Round(ours.MemoryBytes / 1e6, 1),
                PeerMemoryMb = Rounded(peer?.PeakMegabytes(), 1),
            };
            rows.Add(row with { PeakShare = Math.Round(row.Gflops / (peak * threads), 3) });
        }

        return rows;
    }

    private double LoadOnce(string path, int threads)
    {
        using var model = new MeasuredModel(path, threads, options.Batches[0], clock, _tuning);
        return model.LoadMilliseconds;
    }

    /// <summary>Runs both once on the same inputs; the largest difference relative to the output's size.</summary>
    private static double Compare(MeasuredModel ours, OrtModel peer)
    {
        peer.Feed(ours.Instance.Inputs.Select(i => new PeerInput(
            i.Spec.Name, i.Spec.Type == ElementType.Float32 ? "float32" : "int64", i.Spec.Shape,
            i.AsSpan<byte>().ToArray())));
        var (_, expected) = peer.Fetch();
        ours.Run(1);
        var worst = 0.0;
        foreach (var output in ours.Instance.Outputs.Where(o => o.Spec.Type == ElementType.Float32))
        {
            var reference = MemoryMarshal.Cast<byte, float>(expected[output.Spec.Name]);
            var actual = output.AsSpan<float>();
            var (difference, scale) = (0.0, 1e-30);
            for (var i = 0; i < reference.Length; i++)
            {
                difference = Math.Max(difference, Math.Abs((double)actual[i] - reference[i]));
                scale = Math.Max(scale, Math.Abs(reference[i]));
                difference = float.IsNaN(actual[i]) ? double.PositiveInfinity : difference;
            }

            worst = Math.Max(worst, difference / scale);
        }

        return worst;
    }

    private (Stint Ours, Stint? Peer) Interleave(MeasuredModel ours, OrtModel? peer)
    {
        var once = Math.Max(ours.Run(1).Milliseconds[0], peer?.Run(1).Milliseconds[0] ?? 0);
        peer?.AwaitRest();
        var runs = once > LongRunMs ? Math.Min(LongRuns, options.Runs) : options.Runs;
        var together = Math.Clamp((int)(StintMs / once), 1, StintRunsMax);
        List<Stint> own = [], other = [];
        for (var done = 0; done < runs; done += together)
        {
            own.Add(Warm(together, once, ours.Run));
            if (peer is not null)
            {
                other.Add(Warm(together, once, peer.Run));
                peer.AwaitRest();
            }
        }

        return (Join(own), peer is null ? null : Join(other));
    }

    // The other engine has filled the caches: a short run first is not counted.
    private static Stint Warm(int count, double once, Func<int, Stint> run)
    {
        if (once < StintMs)
        {
            run(1);
        }

        return run(count);
    }

    private static Stint Join(List<Stint> stints) => new(
        [.. stints.SelectMany(s => s.Milliseconds)], Percentiles.Median(stints.Select(s => s.CpuMilliseconds)));

    private static ModelsRow Row(Stint ours, Stint? peer, long flops)
    {
        var own = Percentiles.Median(ours.Milliseconds);
        var other = peer is null ? (double?)null : Percentiles.Median(peer.Milliseconds);
        return new ModelsRow
        {
            Model = "", Threads = 0, Batch = 0, LoadMs = 0, WarmLoadMs = 0, PeerLoadMs = null, LoadColdMs = 0,
            PeerLoadColdMs = null, MaxRelError = null,
            MemoryMb = 0, PeerMemoryMb = null, PeakShare = 0,
            OursMs = Math.Round(own, 4),
            PeerMs = Rounded(other, 4),
            Ratio = Rounded(other / own, 4),
            Gflops = Math.Round(flops / own / 1e6, 2),
            Runs = ours.Milliseconds.Length,
            CpuRatio = Rounded(peer?.CpuMilliseconds / ours.CpuMilliseconds, 4),
            OursCpuMs = Math.Round(ours.CpuMilliseconds, 4),
            PeerCpuMs = Rounded(peer?.CpuMilliseconds, 4),
        };
    }

    private static double? Rounded(double? value, int digits) => value is { } v ? Math.Round(v, digits) : null;
}
