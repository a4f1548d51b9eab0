using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Serving;

namespace Atoll;

/// <summary>`atoll plan`: which device would run which session with which batch, and why.</summary>
internal static class PlanCommand
{
    private static readonly Argument<string> PlanningFile = new("file")
    {
        Description = "A planning file: devices, profiles, sessions, queries (docs/design/planning.md).",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    private static readonly Option<string> Policy = CreatePolicy();

    private static readonly Option<bool> Explain =
        new("--explain") { Description = "Print the reason of each choice." };

    public static Command Create(TimeProvider clock)
    {
        var command = new Command("plan", "Plan sessions with latency objectives onto devices.")
        {
            PlanningFile, Json, Policy, Explain,
        };
        command.SetAction(result => Run(result, clock));
        return command;
    }

    private static Option<string> CreatePolicy()
    {
        var option = new Option<string>("--policy")
        {
            Description = "How to pack: nexus (the paper), nexus-code (its released code), atoll.",
            DefaultValueFactory = _ => "atoll",
        };
        option.AcceptOnlyFromAmong("nexus", "nexus-code", "atoll");
        return option;
    }

    private static int Run(ParseResult result, TimeProvider clock)
    {
        var file = PlanFileReader.Read(result.GetRequiredValue(PlanningFile));
        var start = clock.GetTimestamp();
        var splits = file.Split();
        var plan = ServingPlanner.Plan(file.ToRequest(), PolicyOf(result.GetValue(Policy) ?? "atoll"));
        var planMs = clock.GetElapsedTime(start).TotalMilliseconds;
        var output = result.InvocationConfiguration.Output;
        if (result.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(Describe(plan, splits, planMs), JsonText.Indented));
        }
        else
        {
            Print(file, plan, splits, planMs, output);
            if (result.GetValue(Explain))
            {
                foreach (var line in plan.Explanation)
                {
                    output.WriteLine(line);
                }
            }
        }

        return plan.Unplaced.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static PlanPolicy PolicyOf(string name) => name switch
    {
        "nexus" => PlanPolicy.Nexus,
        "nexus-code" => PlanPolicy.NexusCode,
        _ => PlanPolicy.Atoll,
    };

    private static object Describe(ServingPlan plan, IReadOnlyList<QuerySplit> splits, double planMs) => new
    {
        Devices = plan.Devices.Select(device => new
        {
            device.Occupancy,
            CycleMs = device.Cycle.TotalMilliseconds,
            Sessions = device.Sessions.Select(session => new
            {
                session.Session,
                session.Batch,
                session.Rate,
                WorstMs = session.WorstLatency.TotalMilliseconds,
                ObjectiveMs = session.Objective.TotalMilliseconds,
                ExecutionMs = session.Execution.TotalMilliseconds,
                PeriodMs = session.Period.TotalMilliseconds,
                StartMs = session.Start?.TotalMilliseconds,
                session.Run,
                session.Model,
                session.MemoryBytes,
                Backup = session.IsBackup,
                session.Why,
            }),
            device.Device,
            device.Kind,
            device.MemoryBytes,
        }),
        plan.FluidBound,
        PlanMs = planMs,
        Policy = plan.Policy.ToString(),
        plan.Unplaced,
        Queries = splits.Select(split => new
        {
            Query = split.Query.Name,
            ObjectiveMs = split.Query.Objective.TotalMilliseconds,
            split.Devices,
            split.LowerBound,
            Stages = split.Stages.Select(stage => new
            {
                stage.Stage, stage.Model, BudgetMs = stage.Budget.TotalMilliseconds, stage.Batch, stage.Rate,
                    stage.Devices,
            }),
        }),
        plan.Explanation,
    };

    private static void Print(
        PlanFile file, ServingPlan plan, IReadOnlyList<QuerySplit> splits, double planMs, TextWriter output)
    {
        var table =
            TextTable.Create(
            "device", "used", "cycle", "session", "batch", "rate/s", "run ms", "worst ms", "bound ms", "why");
        foreach (var device in plan.Devices)
        {
            var (name, used, cycle) =
                (device.Device, Number(device.Occupancy, 3), Number(device.Cycle.TotalMilliseconds, 2));
            foreach (var session in device.Sessions)
            {
                TextTable.Add(
                    table, name, used, cycle, session.Session, session.Batch.ToString(CultureInfo.InvariantCulture),
                    Number(session.Rate, 2), Number(session.Execution.TotalMilliseconds, 2),
                    session.IsBackup ? "-" : Number(session.WorstLatency.TotalMilliseconds, 2),
                    Number(session.Objective.TotalMilliseconds, 2), session.Why);
                (name, used, cycle) = ("", "", "");
            }
        }

        TextTable.Write(table, output);
        foreach (var split in splits)
        {
            output.WriteLine(
                $"query {split.Query.Name}: {string.Join(", ", split.Stages.Select(stage =>
                    $"{stage.Stage} {Number(stage.Budget.TotalMilliseconds, 1)} ms"))} ({split.Why})");
        }

        foreach (var load in plan.Unplaced)
        {
            output.WriteLine($"not placed: {load.Session}, {Number(load.Rate, 2)} requests/s: {load.Reason}");
        }

        output.WriteLine(
            $"{plan.Devices.Count} of {file.Devices.Sum(kind => kind.Count)} devices in use, fluid bound " +
            $"{Number(plan.FluidBound, 2)}, planned in {Number(planMs, 1)} ms");
    }

    private static string Number(double value, int digits) =>
        Math.Round(value, digits).ToString(CultureInfo.InvariantCulture);
}
