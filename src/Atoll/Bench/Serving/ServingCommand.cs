using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Devices;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll bench serving`.</summary>
internal static class ServingCommand
{
    private const int Devices = 2;
    private const double QuickSeconds = 6;

    public static Command Create(TimeProvider clock)
    {
        var seconds = new Option<double>("--seconds")
        {
            Description = "Length of each of the two phases.", DefaultValueFactory = _ => 300,
        };
        var seed = new Option<int>("--seed") { Description = "Seed of the arrivals.", DefaultValueFactory = _ => 1 };
        var http = new Option<bool>("--http") { Description = "Send the requests over HTTP." };
        var quick = new Option<bool>("--quick") { Description = "Phases of 6 s; ends within 45 s." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command(
            "serving", "Sessions and a query on two one-core devices at 80 % and 150 % of the planned capacity.")
        {
            seconds, seed, http, quick, json,
        };
        command.SetAction(async (result, stop) =>
        {
            var cpus = ThreadScheduling.AllowedCpus();
            if (cpus.Count < Devices)
            {
                throw new UsageException($"{Devices} CPUs are needed; the process may use {cpus.Count}");
            }

            await using var bench = new ServingBench(
                new ServingBenchOptions
                {
                    Seconds = result.GetValue(quick) ? QuickSeconds : result.GetValue(seconds),
                    Cpus = [.. cpus.Take(Devices)], Seed = result.GetValue(seed), Http = result.GetValue(http),
                },
                clock, what => Console.Error.WriteLine(what));
            var report = await bench.RunAsync(stop);
            if (result.GetValue(json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.ServingReport));
            }
            else
            {
                Print(report);
            }

            return report.Missed.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static void Print(ServingReport report)
    {
        foreach (var phase in report.Phases)
        {
            var table = new Table().Title(string.Create(CultureInfo.InvariantCulture,
                $"{phase.LoadShare:P0} of {report.PlannedRps:0.0} requests per second, {report.PhaseSeconds:0} s"));
            string[] heads =
                ["load", "objective ms", "planned /s", "sent", "good", "late", "dropped", "refused", "failed",
                "p50 ms", "p99 ms", "batch"];
            Array.ForEach(heads, head => table.AddColumn(head));
            foreach (var row in phase.Loads)
            {
                table.AddRow(
                    row.Name, Text(row.ObjectiveMs), Text(row.PlannedRps), $"{row.Sent}", $"{row.Good}",
                    $"{row.Late}", $"{row.Dropped}", $"{row.Refused}", $"{row.Failed}", Text(row.P50Ms),
                    Text(row.P99Ms), Text(row.MeanBatch));
            }

            TextTable.Write(table, Console.Out);
            Console.Out.WriteLine(
                $"within the objective {phase.InObjectiveShare:P2}, goodput {phase.GoodputOfPlanned:P1} of planned");
            foreach (var second in phase.WorstSeconds.Take(3))
            {
                AnsiConsole.MarkupLineInterpolated(
                    $"second {second.Second}: {second.Good} of {second.Sent} good, others took {second.OthersMs} ms");
            }
        }

        var cancel = report.Cancel;
        Console.Out.WriteLine(
            $"{cancel.Cancelled} of {cancel.Sent} clients left: free after {cancel.FreedMs:0.0} ms, next request " +
            $"{cancel.NextMs:0.00} ms (alone {cancel.AloneMs:0.00} ms)");
        foreach (var missed in report.Missed)
        {
            Console.Out.WriteLine($"missed: {missed}");
        }
    }

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
