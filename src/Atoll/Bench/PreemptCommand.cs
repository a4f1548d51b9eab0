using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Devices;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll bench preempt`.</summary>
internal static class PreemptCommand
{
    public static Command Create(TimeProvider clock)
    {
        var json = new Option<bool>("--json") { Description = "Print the rows as JSON." };
        var quick = new Option<bool>("--quick") { Description = "Fewer samples; within 45 s when quiet." };
        var seed =
            new Option<int>("--seed") { Description = "Seed of the arrival times.", DefaultValueFactory = _ => 1 };
        var models = new Option<string[]>("--models")
        {
            Description =
                "Preempt these full-size sample models in place of kernels that pass time; all: every model of " +
                "bench models.",
            AllowMultipleArgumentsPerToken = true,
        };
        var command =
            new Command("preempt", "Preemption latency by stage against queue length, clients and block length.")
        {
            json, quick, seed, models,
        };
        command.SetAction(result => Run(
            clock, result.GetValue(json), CasesOf(result.GetValue(models) ?? [], result.GetValue(quick)),
            result.GetValue(seed)));
        return command;
    }

    private static IReadOnlyList<PreemptCase> CasesOf(string[] models, bool isQuick)
    {
        string[] names = models is ["all"] ? [.. ModelsBenchCommand.Listed] : models;
        return names.FirstOrDefault(name => !ModelsBenchCommand.Listed.Contains(name)) is { } unknown
            ? throw new UsageException(
                $"--models: '{unknown}' is none of all, {string.Join(", ", ModelsBenchCommand.Listed)}")
            : names.Length > 0 ? PreemptPlan.ModelCases(names, isQuick, ThreadScheduling.Probe())
            : PreemptPlan.Cases(isQuick, ThreadScheduling.Probe());
    }

    private static void Run(TimeProvider clock, bool isJson, IReadOnlyList<PreemptCase> cases, int seed)
    {
        var bench = new PreemptBench(clock, seed);
        var rows = bench.Run(cases, done => ShowProgress(done));
        ShowProgress(null);
        var report = new PreemptReport(BenchJson.Machine, rows, PreemptPlan.Flatness(rows, cases));
        if (isJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.PreemptReport));
            return;
        }

        Print(report);
    }

    /// <summary>One line on a terminal that is written over; silent in files and pipes.</summary>
    private static void ShowProgress(int? done)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write(done is null ? Environment.NewLine : $"\r{done} measurements ");
        }
    }

    private static void Print(PreemptReport report)
    {
        string[] heads =
            ["mode", "model", "queue", "clients", "block", "units", "rt blocks", "rights", "gc", "p50", "p99", "p99.9",
                "max",
            "control p50", "control p99", "control p99.9", "control max", "repeated"];
        var table = new Table().Title($"Preemption latency in microseconds on {Markup.Escape(report.Machine)}");
        Array.ForEach(heads, head => table.AddColumn(head));
        foreach (var r in report.Rows)
        {
            double[] figures =
                [r.P50Us, r.P99Us, r.P999Us, r.MaxUs, r.ControlP50Us, r.ControlP99Us, r.ControlP999Us, r.ControlMaxUs];
            table.AddRow(
                [r.Mode, r.Model ?? "", $"{r.Queue}", $"{r.Clients}", $"{r.BlockUs}", $"{r.Units}", $"{r.RtBlocks}",
                r.Rights,
                r.GcSamples == 0 ? "" : $"{r.GcSamples}: p99 {r.GcP99Us:F0} max {r.GcMaxUs:F0}",
                .. figures.Select(f => f.ToString("F2", CultureInfo.InvariantCulture)), $"{r.RepeatedBlocks}"]);
        }

        TextTable.Write(table, Console.Out);
        foreach (var flat in report.Flatness)
        {
            Console.Out.WriteLine(
                $"{flat.Mode} over {flat.Variable}: p50 changes by {flat.P50Change:P0} ({flat.GrowthUs} us)");
        }
    }
}
