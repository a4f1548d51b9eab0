using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Atoll;

/// <summary>`atoll bench plan`.</summary>
internal static class PlanBenchCommand
{
    private const int Most = 10_000;

    public static Command Create(TimeProvider clock)
    {
        var sessions = new Option<int>("--sessions")
        {
            Description = "Sessions, 1 to 10000.", DefaultValueFactory = _ => 1000,
        };
        var devices = new Option<int>("--devices")
        {
            Description = "Devices, 1 to 10000.", DefaultValueFactory = _ => 1000,
        };
        var seed = new Option<int>("--seed") { Description = "Of the first mix.", DefaultValueFactory = _ => 1000 };
        var repetitions = new Option<int>("--repetitions")
        {
            Description = "Mixes, 1 to 1000.", DefaultValueFactory = _ => 5,
        };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command("plan", "How long a plan from scratch takes.")
        {
            sessions, devices, seed, repetitions, json,
        };
        command.SetAction(result =>
        {
            var report = new PlanBench(
                Within("--sessions", result.GetValue(sessions), Most),
                    Within("--devices", result.GetValue(devices), Most),
                (result.GetValue(seed), Within("--repetitions", result.GetValue(repetitions), 1000)), clock).Run();
            Console.Out.WriteLine(result.GetValue(json)
                ? JsonSerializer.Serialize(report, BenchJson.Default.PlanBenchReport)
                : string.Create(CultureInfo.InvariantCulture,
                    $"{report.Sessions} sessions on {report.Devices} devices: planned in {report.PlanMs:0} ms " +
                    $"(slowest {report.SlowestPlanMs:0}), {report.DevicesUsed:0} devices used, fluid bound " +
                    $"{report.FluidBound:0.0}, {report.UnplacedSessions} sessions without a device"));
            return ExitCode.Done;
        });
        return command;
    }

    private static int Within(string option, int value, int most) => value >= 1 && value <= most
        ? value
        : throw new UsageException($"{option} is {value}; allowed is 1 to {most}");
}
