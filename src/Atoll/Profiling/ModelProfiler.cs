using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>Latency and memory of one batch size; times in ms, deviation that of the runs.</summary>
internal sealed record BatchMeasurement(int Batch, double MeanMs, double DeviationMs, double MedianMs, long MemoryBytes)
{
    public required IReadOnlyList<KernelMeasurement> Kernels { get; init; }

    /// <summary>How long work that arrives at a random time waits for the next yield point, in microseconds.</summary>
    public required YieldWait Wait { get; init; }
}

/// <summary>Waits for the next yield point, and the longest stretch without one.</summary>
internal readonly record struct YieldWait(double MeanUs, double P50Us, double P99Us, double LongestUs)
{
    public static YieldWait Of(YieldStretches stretches) => new(
        Math.Round(stretches.MeanWaitUs, 2), Math.Round(stretches.WaitQuantileUs(0.5), 2),
        Math.Round(stretches.WaitQuantileUs(0.99), 2), Math.Round(stretches.LongestUs, 2));
}

/// <summary>One kernel's share of a run on one thread; rates are null where its work is not known.</summary>
internal sealed record KernelMeasurement(string Name, int Blocks, double Milliseconds, double Share)
{
    public double? Gflops { get; init; }

    public double? PeakShare { get; init; }

    /// <summary>As in <see cref="BatchMeasurement.Wait"/>, while this kernel runs.</summary>
    public required YieldWait Wait { get; init; }
}

/// <summary>
/// Measures a model at several batch sizes, as a whole on a device and kernel by kernel on one thread.
/// </summary>
internal sealed class ModelProfiler(string path, int units, int runs, TimeProvider clock)
{
    private const int KernelRounds = 5;

    public IReadOnlyList<BatchMeasurement> Measure(IReadOnlyList<int> batches, double peakGflops)
    {
        using var model = new MeasuredModel(path, units, batches[0], clock);
        List<BatchMeasurement> measured = [];
        foreach (var batch in batches)
        {
            if (batch != batches[0])
            {
                model.UseBatch(batch);
            }

            model.Run(2);
            var times = model.Run(runs).Milliseconds;
            var mean = times.Average();
            var deviation = Math.Sqrt(times.Average(t => (t - mean) * (t - mean)));
            var stretches = Stretches(model);
            var all = new YieldStretches();
            Array.ForEach(stretches, all.Add);
            measured.Add(new BatchMeasurement(batch, mean, deviation, Percentiles.Median(times), model.MemoryBytes)
            {
                Kernels = Kernels(model, stretches, peakGflops),
                Wait = YieldWait.Of(all),
            });
        }

        return measured;
    }

    /// <summary>The best of some rounds per kernel, in the order of the program.</summary>
    private List<KernelMeasurement> Kernels(MeasuredModel model, YieldStretches[] stretches, double peakGflops)
    {
        var work = FlopCount.PerNode(model.Graph, model.InputShapes);
        var kernels = KernelsOf(model);
        var best = new double[kernels.Length];
        Array.Fill(best, double.PositiveInfinity);
        using var context = BlockContext.CreateUndisturbed();
        for (var round = 0; round < KernelRounds; round++)
        {
            for (var i = 0; i < kernels.Length; i++)
            {
                best[i] = Math.Min(best[i], Time(kernels[i], context));
            }
        }

        var total = best.Sum();
        return
        [
            .. kernels.Select((kernel, i) => Describe(kernel, best[i], total, work, peakGflops) with
            {
                Wait = YieldWait.Of(stretches[i]),
            }),
        ];
    }

    /// <summary>Of each kernel the round that the machine disturbed least.</summary>
    private YieldStretches[] Stretches(MeasuredModel model)
    {
        var kernels = KernelsOf(model);
        var best = new YieldStretches[kernels.Length];
        using var recorder = new StretchRecorder(clock);
        for (var round = 0; round < KernelRounds; round++)
        {
            for (var i = 0; i < kernels.Length; i++)
            {
                var stretches = recorder.Record(kernels[i]);
                if (round == 0 || stretches.LongestUs < best[i].LongestUs)
                {
                    best[i] = stretches;
                }
            }
        }

        return best;
    }

    private static CpuKernel[] KernelsOf(MeasuredModel model) =>
        [.. model.Instance.Program.Kernels.OfType<CpuKernel>()];

    private double Time(CpuKernel kernel, BlockContext context)
    {
        var start = clock.GetTimestamp();
        for (var block = 0; block < kernel.Blocks; block++)
        {
            kernel.RunBlock(block, context);
        }

        return clock.GetElapsedTime(start).TotalMilliseconds;
    }

    private static KernelMeasurement Describe(
        CpuKernel kernel, double ms, double total, IReadOnlyDictionary<string, long> work, double peakGflops)
    {
        var made = new KernelMeasurement(kernel.Name, kernel.Blocks, Math.Round(ms, 5), Math.Round(ms / total, 5))
        {
            Wait = default,
        };
        if (!work.TryGetValue(kernel.Name, out var flops))
        {
            return made;
        }

        var rate = flops / ms / 1e6;
        return made with { Gflops = Math.Round(rate, 2), PeakShare = Math.Round(rate / peakGflops, 4) };
    }
}
