using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Devices;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll bench disb`.</summary>
internal static class DisbCommand
{
    private static readonly ShareMode[] AllModes = Enum.GetValues<ShareMode>();

    public static Command Create(TimeProvider clock)
    {
        var workload =
            new Option<string>("--workload") { Description = "A, B, C, D, E or REAL.", DefaultValueFactory = _ => "A" };
        var mode =
            new Option<string?>(
            "--mode") { Description = $"One of {string.Join(", ", ShareModeNames.All)}; all if not given." };
        var units = new Option<int>("--units") { Description = "Compute units; 0 = one per CPU." };
        var width =
            new Option<double?>(
            "--width") { Description =
            "Width of all models; 1 = full size. Default: a width per model that gives 3 to 15 ms alone." };
        var busy =
            new Option<double>(
            "--busy") { Description = "Share of time that real-time work alone keeps the device busy.",
            DefaultValueFactory = _ => 0.4 };
        var data =
            new Option<string?>(
            "--data") { Description = "Folder of DISB's own files (REAL.json).", DefaultValueFactory = _ =>
            "../shared/data/disb" };
        var repetitions =
            new Option<int>("--repetitions") { Description = "Interleaved repetitions.", DefaultValueFactory = _ => 5 };
        var seconds =
            new Option<double>("--seconds") { Description = "Length of one phase.", DefaultValueFactory = _ => 6 };
        var quick = new Option<bool>("--quick") { Description = "Short phases, two repetitions; ends within 45 s." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command("disb", "The DISB workloads on this machine, in every way of sharing the device.")
        {
            workload, mode, units, width, busy, data, repetitions, seconds, quick, json,
        };
        command.SetAction(result =>
        {
            var isQuick = result.GetValue(quick);
            var modes = result.GetValue(mode) is { } name ? [ShareModeNames.Parse(name)] : AllModes;
            var options = new DisbOptions
            {
                Workload = DisbWorkload.Of(result.GetValue(workload)!, result.GetValue(data)),
                Modes = modes,
                Units = result.GetValue(units),
                Repetitions = isQuick ? 2 : result.GetValue(repetitions),
                PhaseSeconds = isQuick ? Math.Round(30.0 / 2 / (3 + modes.Length), 2) : result.GetValue(seconds),
                BusyShare = result.GetValue(busy),
                Widths = WidthsOf(result.GetValue(width)),
            };
            Run(options, clock, result.GetValue(json));
        });
        return command;
    }

    private static IReadOnlyDictionary<string, double> WidthsOf(double? width) => width is null
        ? DisbModels.DefaultWidths
        : DisbModels.DefaultWidths.Keys.ToDictionary(name => name, _ => width.Value);

    private static void Run(DisbOptions options, TimeProvider clock, bool isJson)
    {
        using var bench = new DisbBench(options, clock, what => Console.Error.WriteLine(what));
        var report = bench.Run();
        if (isJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.DisbReport));
            return;
        }

        Print(report);
    }

    private static void Print(DisbReport report)
    {
        var table =
            new Table().Title($"DISB {report.Workload} on {Markup.Escape(report.Machine)}, {report.Units} units");
        string[] heads =
            ["mode", "rt alone mean", "rt mean ms", "p50", "p99", "mean", "p99", "noise", "pooled p99", "noise", "rt/s",
                "be/s",
            "be of leftover",
            "preempt p50 us", "p99 us", "repeated", "padding", "selection ns"];
        Array.ForEach(heads, head => table.AddColumn(head));
        foreach (var r in report.Rows)
        {
            table.AddRow(
                r.Mode, Ms(r.RtAloneMeanMs), Ms(r.RtMeanMs), Ms(r.RtP50Ms), Ms(r.RtP99Ms), Percent(r.RtMeanIncrease),
                Percent(r.RtP99Increase), Percent(r.NoiseMeanIncrease),
                Percent(r.RtP99IncreasePooled), Percent(r.NoiseP99IncreasePooled),
                Ms(r.RtRps), Ms(r.BeRps), Percent(r.BeShareOfLeftover),
                Ms(r.PreemptP50Us), Ms(r.PreemptP99Us), Percent(r.RepeatedShare), Percent(r.PaddingShare),
                $"{r.SelectionNs:F0}");
        }

        TextTable.Write(table, Console.Out);
        Console.Out.WriteLine(
            $"rates x{report.RateFactor}; real-time alone keeps the device busy {report.RtAloneBusyShare:P1}");
        Console.Out.WriteLine($"best-effort alone: {report.BeAloneRps:F1} inferences per second");
        foreach (var model in report.Models)
        {
            Console.Out.WriteLine($"{model.Model}: width {model.Width}, {model.AloneMs} ms alone");
        }
    }

    private static string Ms(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private static string Percent(double value) => (value * 100).ToString("F2", CultureInfo.InvariantCulture) + " %";
}
