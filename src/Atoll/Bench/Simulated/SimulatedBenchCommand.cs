using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Atoll;

/// <summary>`atoll bench simulate`: dispatch and planning in virtual time, against the comparators.</summary>
internal static class SimulatedBenchCommand
{
    public static Command Create(TimeProvider clock)
    {
        var json = new Option<bool>("--json") { Description = "Print the rows as JSON." };
        var isLong = new Option<bool>("--long") { Description = "Every policy, and runs of a minute." };
        var seed = new Option<int>("--seed") { Description = "Seed of the arrivals.", DefaultValueFactory = _ => 1 };
        var command = new Command("simulate", "Serving in virtual time: drop rules, mixes, part load, a surge.")
        {
            json, isLong, seed,
        };
        command.SetAction(result =>
        {
            var report = new SimulatedBench(
                clock, result.GetValue(seed), result.GetValue(isLong), ShowProgress).Run();
            ShowProgress("");
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.SimulatedReport));
            }
            else
            {
                Print(report, output);
            }
        });
        return command;
    }

    /// <summary>One line on a terminal that is written over; silent in files and pipes.</summary>
    private static void ShowProgress(string done)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write("\r" + done.PadRight(60) + (done.Length == 0 ? "\r" : ""));
        }
    }

    private static void Print(SimulatedReport report, TextWriter output)
    {
        var drops = TextTable.Create("alpha ms", "lazy max rate", "early max rate", "early goodput at 1.2", "at 2");
        foreach (var row in report.DropRules)
        {
            TextTable.Add(drops, [Text(row.AlphaMs, "F1"), Text(row.LazyMaxRate), Text(row.EarlyMaxRate),
                Text(row.EarlyGoodput12), Text(row.EarlyGoodput20)]);
        }

        TextTable.Write(drops, output);
        var mixes = TextTable.Create("mix", "policy", "max rate", "to nexus", "goodput at 1.2", "at 2");
        foreach (var row in report.Mixes)
        {
            TextTable.Add(mixes, [row.Mix, row.Policy, Text(row.MaxRate), Text(row.RatioToNexus, "F3"),
                Text(row.Goodput12), Text(row.Goodput20)]);
        }

        TextTable.Write(mixes, output);
        var parts = TextTable.Create("mix", "policy", "load", "good", "devices busy", "mean batch", "dispatch us");
        foreach (var row in report.PartLoads)
        {
            TextTable.Add(parts, [row.Mix, row.Policy, Text(row.Load, "P0"), Text(row.GoodShare, "P2"),
                Text(row.DevicesBusy, "F2"), Text(row.MeanBatch, "F1"), Text(row.DispatchUs, "F2")]);
        }

        TextTable.Write(parts, output);
        var surge = report.Surge;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"surge on {surge.Devices} devices: absorbed in {surge.AbsorbedSeconds} s, late or dropped " +
            $"{surge.BadShare:P3}, devices {surge.DevicesBefore:F0} -> {surge.DevicesDuring:F0} -> " +
            $"{surge.DevicesAfter:F0}, {surge.Plans} plans, dispatch {surge.DispatchUs:F2} us"));
    }

    private static string Text(double value, string format = "F0") =>
        value.ToString(format, CultureInfo.InvariantCulture);
}
