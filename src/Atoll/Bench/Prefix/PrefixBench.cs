using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>How `bench prefix` runs.</summary>
internal sealed record PrefixOptions(
    string Model, double Width, int Variants, IReadOnlyList<int> RequestsPerVariant, int Repetitions, int Units,
    int? Image = null);

/// <summary>
/// Variants of one backbone that differ in their last layer, served apart (a program each) and through the prefix that
/// <see cref="PrefixSearch"/> finds (one batch of everybody's requests, then a suffix each).
/// </summary>
internal sealed class PrefixBench(PrefixOptions options, TimeProvider clock, Action<string> progress)
{
    public PrefixReport Run()
    {
        Graph[] graphs = [.. Enumerable.Range(0, options.Variants).Select(Load)];
        var began = clock.GetTimestamp();
        var groups = PrefixSearch.Find(graphs);
        var search = clock.GetElapsedTime(began).TotalSeconds;
        if (groups is not [var prefix] || prefix.Members.Count != options.Variants)
        {
            throw new UsageException($"the variants of '{options.Model}' do not share one prefix");
        }

        using var device = new CpuDevice(new CpuDeviceOptions { Units = options.Units });
        var before = Environment.WorkingSet;
        using var shared = new SharedVariants(device, prefix, options.RequestsPerVariant, clock);
        shared.RunOnce();
        var sharedBytes = Environment.WorkingSet - before;
        before = Environment.WorkingSet;
        using var apart = new ApartVariants(device, graphs, options.RequestsPerVariant, clock);
        apart.RunOnce();
        var apartBytes = Environment.WorkingSet - before;

        return new PrefixReport
        {
            Machine = BenchJson.Machine,
            Model = options.Model,
            Variants = options.Variants,
            Units = device.Units,
            Repetitions = options.Repetitions,
            PrefixNodes = prefix.Graph.Nodes.Count,
            ModelNodes = graphs[0].Nodes.Count,
            SearchSeconds = search,
            ApartMb = apartBytes / 1e6,
            SharedMb = sharedBytes / 1e6,
            MaxRelativeError = Difference(apart, shared),
            Rows = [.. options.RequestsPerVariant.Select(requests => Measure(requests, apart, shared))],
        };
    }

    private Graph Load(int variant)
    {
        progress($"variant {variant + 1} of {options.Variants}");
        var folder = Directory.CreateTempSubdirectory("atoll-prefix-");
        try
        {
            var path = Path.Combine(folder.FullName, $"variant{variant}.onnx");
            SampleModels.Create(options.Model, path, new SampleModelOptions
            {
                Width = options.Width, Image = options.Image, Batch = 0, HeadSeed = 1000 + variant,
            });
            return OnnxModel.Load(path).Graph;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private PrefixRow Measure(int requests, ApartVariants apart, SharedVariants shared)
    {
        var (apartRates, sharedRates) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Repetitions; round++)
        {
            progress($"{requests} per variant: round {round + 1} of {options.Repetitions}");
            apartRates.Add(options.Variants * requests / apart.Round(requests).TotalSeconds);
            sharedRates.Add(options.Variants * requests / shared.Round(requests).TotalSeconds);
        }

        var (slow, fast) = (Percentiles.Median(apartRates), Percentiles.Median(sharedRates));
        return new PrefixRow
        {
            RequestsPerVariant = requests,
            ApartRps = slow,
            SharedRps = fast,
            Gain = Percentiles.Median(sharedRates.Zip(apartRates, (f, s) => f / s)),
        };
    }

    private double Difference(ApartVariants apart, SharedVariants shared)
    {
        var (worst, largest) = (0f, 0f);
        var requests = options.RequestsPerVariant[0];
        for (var variant = 0; variant < options.Variants; variant++)
        {
            var expected = MemoryMarshal.Cast<byte, float>(apart.Answer(variant, requests));
            var actual = MemoryMarshal.Cast<byte, float>(shared.Answer(variant, requests));
            for (var i = 0; i < expected.Length; i++)
            {
                worst = MathF.Max(worst, MathF.Abs(expected[i] - actual[i]));
                largest = MathF.Max(largest, MathF.Abs(expected[i]));
            }
        }

        return worst / largest;
    }
}
