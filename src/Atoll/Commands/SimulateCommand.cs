using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Serving;

namespace Atoll;

/// <summary>`atoll simulate`: what scheduling policies would make of a load, before any device is bought.</summary>
internal static class SimulateCommand
{
    private static readonly Argument<string> PlanFile = new("file")
    {
        Description = "A planning file (YAML), with optional sections arrivals and simulation.",
    };

    private static readonly Option<string[]> Policy = new("--policy")
    {
        Description = "A policy to simulate; may be given several times. Absent: those of the file, else all.",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<int?> Seed = new("--seed") { Description = "Seed of arrivals, fan-out and noise." };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    public static Command Create(TimeProvider clock)
    {
        var command = new Command("simulate", "Simulate policies on a load: goodput, losses, devices, highest rate.")
        {
            PlanFile, Policy, Seed, Json,
        };
        command.SetAction(result => Run(result, clock));
        return command;
    }

    private static void Run(ParseResult result, TimeProvider clock)
    {
        var file = SimulationFile.Read(result.GetRequiredValue(PlanFile));
        var options = file.Options with
        {
            Seed = result.GetValue(Seed) ?? file.Options.Seed,
            Clock = clock,
        };
        var policies = result.GetValue(Policy) is { Length: > 0 } names
            ? [.. names.Select(SchedulingPolicies.Get)]
            : file.Policies;
        var results = new List<PolicyResult>();
        foreach (var policy in policies)
        {
            results.Add(PolicyComparison.Run(file.Load, policy, options, ShowProgress));
        }

        ShowProgress(null);
        var output = result.InvocationConfiguration.Output;
        if (result.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(Describe(results), JsonText.Indented));
        }
        else
        {
            Print(results, MaxRateSearch.TotalRate(file.Load, options), output);
        }
    }

    /// <summary>One line on a terminal that is written over; silent in files and pipes.</summary>
    private static void ShowProgress(string? done)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write(done is null ? "\r" + new string(' ', 78) + "\r" : "\r" + done.PadRight(78));
        }
    }

    private static object Describe(IEnumerable<PolicyResult> results) => new
    {
        policies = results.Select(result => new
        {
            policy = result.Policy,
            max_rate_99 = Math.Round(result.MaxRate99, 1),
            goodput = Math.Round(result.Goodput, 1),
            late_share = Math.Round(result.LateShare, 5),
            dropped_share = Math.Round(result.DroppedShare, 5),
            devices_used = Math.Round(result.DevicesUsed, 2),
            devices_busy = Math.Round(result.Outcome.DevicesBusy, 2),
            mean_batch = Math.Round(result.Outcome.MeanBatch, 2),
            plans = result.Outcome.Plans,
            dispatch_us = Math.Round(result.Outcome.DispatchMicroseconds, 2),
            sessions = result.Outcome.ByName.OrderBy(own => own.Key, StringComparer.Ordinal).Select(own => new
            {
                session = own.Key,
                requests = own.Value.Total,
                good_share = Math.Round(own.Value.GoodShare, 5),
            }),
            devices_over_time = result.Outcome.Seconds.Select(second => second.DevicesUsed),
        }),
    };

    private static void Print(List<PolicyResult> results, double rate, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rate:F1} requests/s"));
        var table = TextTable.Create("policy", "max rate at 99 %", "goodput", "late", "dropped", "devices used", "busy",
            "mean batch", "dispatch us");
        foreach (var result in results)
        {
            double[] figures = [result.DevicesUsed, result.Outcome.DevicesBusy, result.Outcome.MeanBatch,
                result.Outcome.DispatchMicroseconds];
            TextTable.Add(table, [result.Policy, Text(result.MaxRate99, "F1"), Text(result.Goodput, "F1"),
                Text(result.LateShare, "P2"), Text(result.DroppedShare, "P2"), .. figures.Select(f => Text(f, "F2"))]);
        }

        TextTable.Write(table, output);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
