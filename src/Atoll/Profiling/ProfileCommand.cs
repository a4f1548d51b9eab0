using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Kernels;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>
/// `atoll profile MODEL`: latency and memory per batch size, time per kernel, and the planner's profile.
/// </summary>
internal static class ProfileCommand
{
    private const int KernelsShown = 15;

    private static readonly Argument<string> Model = new("model")
    {
        Description = $"An ONNX file, or a sample model: {string.Join(", ", SampleModels.Names)}.",
    };

    private static readonly Option<string> Batches = new("--batch")
    {
        Description = "Batch sizes; only 1 is possible where the file fixes its shapes.",
    };

    private static readonly Option<int> Runs = new("--runs")
    {
        Description = "Timed runs per batch size.", DefaultValueFactory = _ => 20,
    };

    private static readonly Option<int> Units = new("--units")
    {
        Description = "Compute units; 0 = one per CPU.",
    };

    private static readonly Option<string> Output = new("--output")
    {
        Description = "Writes the profile file that 'atoll plan' reads.",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON, with every kernel." };

    public static Command Create(TimeProvider clock)
    {
        var command = new Command("profile", "Measure a model's latency and memory per batch size, kernel by kernel.")
        {
            Model, Batches, Runs, Units, Output, Json,
        };
        command.SetAction(result => Run(result, clock));
        return command;
    }

    private static int Run(ParseResult result, TimeProvider clock)
    {
        var runs = result.GetValue(Runs);
        if (runs < 1)
        {
            throw new UsageException($"--runs is {runs}; it must be 1 or more");
        }

        var name = result.GetRequiredValue(Model);
        var path = !File.Exists(name) && SampleModels.Names.Contains(name)
            ? SampleModelCache.OpenBatchPathOf(name) : name;
        var isFixed = OnnxModel.Load(path).Graph.Inputs.TrueForAll(i => i.IsStatic);
        var batches = ReadBatches(result.GetValue(Batches) ?? (isFixed ? "1" : "1,2,4,8"));
        if (isFixed && batches is not [1])
        {
            throw new UsageException(
                $"--batch: '{path}' fixes its shapes; 'atoll model create --batch 0' makes models that do not");
        }

        var peak = MultiplyAddRate.Measure(clock);
        var profiler = new ModelProfiler(path, result.GetValue(Units), runs, clock);
        var measured = profiler.Measure(batches, peak);
        if (result.GetValue(Output) is { } file)
        {
            Write(Path.GetFileNameWithoutExtension(path), measured, file);
        }

        var output = result.InvocationConfiguration.Output;
        if (result.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(
                new { Machine = BenchJson.Machine, Model = path, PeakGflops = Math.Round(peak, 1), Batches = measured },
                JsonText.Indented));
        }
        else
        {
            Print(measured, peak, output);
        }

        return ExitCode.Done;
    }

    private static int[] ReadBatches(string text)
    {
        int[] batches =
        [
            .. text.Split(',').Select(item =>
                int.TryParse(item, CultureInfo.InvariantCulture, out var batch) && batch is >= 1 and <= 4096
                ? batch : throw new UsageException($"--batch: '{item}' is not a number from 1 to 4096")),
        ];
        return [.. batches.Distinct().Order()];
    }

    private static void Write(string model, IReadOnlyList<BatchMeasurement> measured, string file)
    {
        var points = measured.Select(m => new ProfilePoint(
            m.Batch, TimeSpan.FromMilliseconds(m.MeanMs), TimeSpan.FromMilliseconds(m.DeviationMs), m.MemoryBytes));
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        BatchProfileFile.Write(new BatchProfile(model, "cpu", [.. points]), text);
        File.WriteAllText(file, text.ToString());
    }

    private static void Print(IReadOnlyList<BatchMeasurement> measured, double peak, TextWriter output)
    {
        var table = TextTable.Create("batch", "mean ms", "std ms", "median ms", "per second", "memory MB",
            "yield wait us", "p99", "longest");
        foreach (var m in measured)
        {
            TextTable.Add(table, $"{m.Batch}", $"{m.MeanMs:F3}", $"{m.DeviationMs:F3}", $"{m.MedianMs:F3}",
                $"{m.Batch * 1000 / m.MeanMs:F1}", $"{m.MemoryBytes / 1e6:F1}", $"{m.Wait.P50Us:F2}",
                $"{m.Wait.P99Us:F2}", $"{m.Wait.LongestUs:F1}");
        }

        TextTable.Write(table, output);
        foreach (var m in measured)
        {
            PrintKernels(m, peak, output);
        }
    }

    private static void PrintKernels(BatchMeasurement measured, double peak, TextWriter output)
    {
        var total = measured.Kernels.Sum(k => k.Milliseconds);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"batch {measured.Batch}: {measured.Kernels.Count} kernels, {total:F3} ms on one thread; the longest " +
            $"{KernelsShown} (peak {peak:F0} GFLOP/s):"));
        var table = TextTable.Create("kernel", "blocks", "ms", "share", "GFLOP/s", "of peak", "yield wait us",
            "longest");
        foreach (var k in measured.Kernels.OrderByDescending(k => k.Milliseconds).Take(KernelsShown))
        {
            TextTable.Add(table, k.Name, $"{k.Blocks}", $"{k.Milliseconds:F4}", $"{k.Share:P1}", $"{k.Gflops:F1}",
                $"{k.PeakShare:P0}", $"{k.Wait.MeanUs:F2}", $"{k.Wait.LongestUs:F1}");
        }

        TextTable.Write(table, output);
    }
}
