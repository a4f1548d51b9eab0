using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Models;

namespace Atoll;

/// <summary>`atoll bench models`: the sample models at full size, beside ONNX Runtime.</summary>
internal static class ModelsBenchCommand
{
    private const string OnnxRuntime = "onnxruntime";
    private const string None = "none";

    /// <summary>The models of the comparison, in the order of the table.</summary>
    public static readonly string[] Listed = 
        [.. SampleModels.Names.Where(n => n != "digits"), .. SampleModels.QuantizedNames];

    private static readonly string[] Quick = ["resnet50", "mobilenetv2", "squeezenet", "distilbert"];

    private static readonly Option<string[]> Models = new("--models")
    {
        Description = $"Which of {string.Join(", ", Listed)}; all by default.",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string> Threads = new("--threads")
    {
        Description = "Numbers of threads, one per CPU.", DefaultValueFactory = _ => "1,2",
    };

    private static readonly Option<string> Batches = new("--batch")
    {
        Description = "Batch sizes.", DefaultValueFactory = _ => "1,8",
    };

    private static readonly Option<string> Peer = new("--peer")
    {
        Description = $"What to compare with: {OnnxRuntime}, or {None}.", DefaultValueFactory = _ => OnnxRuntime,
    };

    private static readonly Option<int> Runs = new("--runs")
    {
        Description = "Timed runs of each engine; fewer of those that take over a second.",
        DefaultValueFactory = _ => 20,
    };

    private static readonly Option<bool> IsQuick = new("--quick")
    {
        Description = $"{string.Join(", ", Quick)} at batch 1; within 45 s when quiet.",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print the report as JSON." };

    public static Command Create(TimeProvider clock)
    {
        var command = new Command("models", "Latency of whole models, beside ONNX Runtime on the same CPUs.")
        {
            Models, Threads, Batches, Peer, Runs, IsQuick, Json,
        };
        command.SetAction(result => Run(result, clock));
        return command;
    }

    private static int Run(ParseResult result, TimeProvider clock)
    {
        var isQuick = result.GetValue(IsQuick);
        string[] models = result.GetValue(Models) is { Length: > 0 } chosen
            ? [.. chosen.SelectMany(m => m.Split(','))] : isQuick ? Quick : Listed;
        if (models.FirstOrDefault(m => !Listed.Contains(m)) is { } unknown)
        {
            throw new UsageException($"--models: no '{unknown}'; there are {string.Join(", ", Listed)}");
        }

        var options = new ModelsBenchOptions(
            models, Numbers(result, Threads), isQuick ? [1] : Numbers(result, Batches),
            PeerOf(result) == OnnxRuntime, Math.Max(1, result.GetValue(Runs)))
        {
            ColdLoads = isQuick ? 1 : 3,
        };
        var report = new ModelsBench(options, clock, what => Console.Error.WriteLine(what)).Run();
        if (result.GetValue(Json))
        {
            result.InvocationConfiguration.Output.WriteLine(
                JsonSerializer.Serialize(report, BenchJson.Default.ModelsReport));
        }
        else
        {
            Print(report, result.InvocationConfiguration.Output);
        }

        return ExitCode.Done;
    }

    private static string PeerOf(ParseResult result) => result.GetRequiredValue(Peer) is OnnxRuntime or None
        ? result.GetRequiredValue(Peer)
        : throw new UsageException($"--peer: {OnnxRuntime} or {None}, not '{result.GetValue(Peer)}'");

    private static int[] Numbers(ParseResult result, Option<string> option) =>
    [
        .. result.GetRequiredValue(option).Split(',').Select(text =>
            int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 1024
            ? number
            : throw new UsageException($"{option.Name}: '{text}' is not a number from 1 to 1024")),
    ];

    private static void Print(ModelsReport report, TextWriter output)
    {
        var table = TextTable.Create("model", "threads", "batch", "ours ms", "peer ms", "ratio", "cpu ratio", "GFLOP/s",
            "of peak", "load ms", "warm", "peer load", "cold", "peer cold", "error", "MB", "peer MB", "runs");
        foreach (var r in report.Rows)
        {
            TextTable.Add(table, r.Model, $"{r.Threads}", $"{r.Batch}", $"{r.OursMs:F2}", $"{r.PeerMs:F2}",
                $"{r.Ratio:F2}", $"{r.CpuRatio:F2}", $"{r.Gflops:F1}", $"{r.PeakShare:P0}", $"{r.LoadMs:F0}",
                $"{r.WarmLoadMs:F0}",
                $"{r.PeerLoadMs:F0}", $"{r.LoadColdMs:F0}", $"{r.PeerLoadColdMs:F0}", $"{r.MaxRelError:e1}",
                $"{r.MemoryMb:F0}", $"{r.PeerMemoryMb:F0}", $"{r.Runs}");
        }

        output.WriteLine($"{report.Machine}; {report.PeakGflops} GFLOP/s per core; peer: {report.Peer ?? None}");
        TextTable.Write(table, output);
        var mean = report.Geomean;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"geometric mean of peer time / our time: batch 1 {mean.B1T1:F3} (1 thread), {mean.B1T2:F3} (2); " +
            $"batch 8 {mean.B8T1:F3}, {mean.B8T2:F3}; 8-bit models {mean.Int8:F3}; rows of fewer than 20 runs took " +
                $"over a second each"));
    }
}
