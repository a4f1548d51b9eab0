using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>Latency and memory of one batch size; times in ms, deviation that of the runs.</summary>
internal sealed record BatchMeasurement(int Batch, double MeanMs, double DeviationMs, double MedianMs, long MemoryBytes)
{
    public required IReadOnlyList<KernelMeasurement> Kernels { get; init; }
}

/// <summary>One kernel's share of a run on one thread; rates are null where its work is not known.</summary>
internal sealed record KernelMeasurement(string Name, int Blocks, double Milliseconds, double Share)
{
    public double? Gflops { get; init; }

    public double? PeakShare { get; init; }
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
            measured.Add(new BatchMeasurement(batch, mean, deviation, Percentiles.Median(times), model.MemoryBytes)
            {
                Kernels = Kernels(model, peakGflops),
            });
        }

        return measured;
    }

    /// <summary>The best of some rounds per kernel, in the order of the program.</summary>
    private List<KernelMeasurement> Kernels(MeasuredModel model, double peakGflops)
    {
        var work = FlopCount.PerNode(model.Graph, model.InputShapes);
        var kernels = model.Instance.Program.Kernels.OfType<CpuKernel>().ToArray();
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
        return [.. kernels.Select((kernel, i) => Describe(kernel, best[i], total, work, peakGflops))];
    }

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
        var made = new KernelMeasurement(kernel.Name, kernel.Blocks, Math.Round(ms, 5), Math.Round(ms / total, 5));
        if (!work.TryGetValue(kernel.Name, out var flops))
        {
            return made;
        }

        var rate = flops / ms / 1e6;
        return made with { Gflops = Math.Round(rate, 2), PeakShare = Math.Round(rate / peakGflops, 4) };
    }
}
