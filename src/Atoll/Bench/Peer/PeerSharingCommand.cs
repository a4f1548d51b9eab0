using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll bench peer-sharing`.</summary>
internal static class PeerSharingCommand
{
    public static Command Create(TimeProvider clock)
    {
        var realTime =
            new Option<string>(
            "--real-time") { Description = "Sample model of the real-time client.", DefaultValueFactory = _ =>
            "vgg19" };
        var bestEffort =
            new Option<string>(
            "--best-effort") { Description = "Sample model of the best-effort client.", DefaultValueFactory = _ =>
            "resnet152" };
        var busy =
            new Option<double>(
            "--busy") { Description = "Share of time that real-time work alone keeps the slower engine busy.",
            DefaultValueFactory = _ => 0.4 };
        var repetitions =
            new Option<int>("--repetitions") { Description = "Interleaved repetitions.", DefaultValueFactory = _ => 5 };
        var seconds =
            new Option<double>("--seconds") { Description = "Length of one phase.", DefaultValueFactory = _ => 5 };
        var units = new Option<int>("--units") { Description = "Compute units of Atoll; 0 = one per CPU." };
        var quick = new Option<bool>("--quick") { Description = "Two repetitions of short phases." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command =
            new Command(
            "peer-sharing", "One real-time and one best-effort model: Atoll beside ONNX Runtime in two processes.")
        {
            realTime, bestEffort, busy, repetitions, seconds, units, quick, json,
        };
        command.SetAction(async (result, _) =>
        {
            var isQuick = result.GetValue(quick);
            var options =
                new PeerSharingOptions(result.GetValue(realTime)!, result.GetValue(bestEffort)!, result.GetValue(busy),
                isQuick ? 2 : result.GetValue(repetitions), isQuick ? 1.5
                    : result.GetValue(seconds), result.GetValue(units));
            var report = await new PeerSharingBench(options, clock, what => Console.Error.WriteLine(what)).RunAsync();
            Print(report, result.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print(PeerSharingReport report, bool isJson)
    {
        if (isJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.PeerSharingReport));
            return;
        }

        var table =
            new Table()
            .Title($"{report.RealTimeModel} real-time at {report.RatePerSecond}/s beside {report.BestEffortModel}");
        string[] heads =
            ["engine", "rt alone mean ms", "alone p99", "rt mean ms", "p99", "mean increase", "p99 increase",
            "noise", "be alone/s", "be/s", "be share of alone"];
        Array.ForEach(heads, head => table.AddColumn(head));
        foreach (var r in report.Rows)
        {
            table.AddRow(
                r.Engine, $"{r.RtAloneMeanMs:F2}", $"{r.RtAloneP99Ms:F2}", $"{r.RtMeanMs:F2}", $"{r.RtP99Ms:F2}",
                $"{r.RtMeanIncrease:P1}", $"{r.RtP99Increase:P1}", $"{r.NoiseP99Increase:P1}",
                $"{r.BeAloneRps:F1}", $"{r.BeRps:F1}",
                $"{r.BeShareOfAlone:P1}");
        }

        TextTable.Write(table, Console.Out);
    }
}
