using System.CommandLine;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>`atoll demo`: the main job on this machine, with sample models.</summary>
internal static class DemoCommand
{
    private const double FullPhaseSeconds = 7;
    private const double QuickPhaseSeconds = 1.5;
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(2);

    // The flags of settings, with what they mean here.
    private static readonly Option<string> Port = SettingsOptions.For("serving.port");

    private static readonly Option<string> Models = new("--models")
    {
        Description = $"Folder of the sample models, made there on first use; default: {SampleModelCache.Folder}.",
        HelpName = "DIR",
    };

    private static readonly Option<double?> Width = new("--width")
    {
        Description = "Factor on the channel counts of the five load models; default: what two cores can run.",
    };

    private static readonly Option<int?> Units = new("--units")
    {
        Description = "Compute units; default: one per CPU (setting device.name).",
    };

    private static readonly Option<bool> Quick = new("--quick")
    {
        Description = $"Measure {QuickPhaseSeconds} s per phase instead of {FullPhaseSeconds} s.",
    };

    private static readonly Option<double?> Seconds = new("--seconds")
    {
        Description = "Seconds that each phase measures, 0.1 to 3600.",
    };

    private static readonly Option<bool> Keep = new("--keep")
    {
        Description = "Go on serving after the table, until Ctrl-C.",
    };

    private static readonly Option<bool> Json = new("--json")
    {
        Description = "Print the table as JSON; progress goes to the error stream.",
    };

    public static Command Create(TimeProvider clock)
    {
        var command = new Command(
            "demo", "Serve sample models, drive real-time and best-effort clients, compare ways of sharing the device.")
        {
            Port, Models, Width, Units, Quick, Seconds, Keep, Json,
        };
        command.SetAction((result, stop) => RunAsync(result, clock, stop));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, TimeProvider clock, CancellationToken stop)
    {
        var output = result.InvocationConfiguration.Output;
        var isJson = result.GetValue(Json);
        var progress = isJson ? result.InvocationConfiguration.Error : output;
        var display = DemoDisplay.For(progress, clock);
        var isComplete = false;
        try
        {
            var settings = Settings(result);
            var options = Options(result, settings);
            await using var server = Compose(result, settings, clock);
            using var run = new DemoRun(options, server, display, clock);
            DemoReport? report = null;
            await display.RunAsync(async () => report = await run.RunAsync(stop));
            Print(report!, isJson, output);
            isComplete = true;
            if (result.GetValue(Keep))
            {
                await progress.WriteLineAsync($"Serving on {server.Host.Url} until Ctrl-C.");
                await Task.Delay(Timeout.InfiniteTimeSpan, clock, stop);
            }

            return ExitCode.Done;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await progress.WriteLineAsync(isComplete ? "Stopped." : "Stopped before the table was complete.");
            return isComplete ? ExitCode.Done : ExitCode.Failed;
        }
    }

    private static AtollSettings Settings(ParseResult result)
    {
        var loaded = SettingsOptions.Load(result);
        if (loaded.Origins["log.level"] == "default")
        {
            // What the demo does is on the display; the log would tear it.
            loaded.Settings.Log.Level = LogLevel.Warning;
        }

        return loaded.Settings;
    }

    private static DemoOptions Options(ParseResult result, AtollSettings settings) => new()
    {
        Widths = DisbModels.DefaultWidths.ToDictionary(
            entry => entry.Key, entry => result.GetValue(Width) ?? entry.Value),
        Folder = settings.Serving.Models.Length > 0 ? settings.Serving.Models : SampleModelCache.Folder,
        PhaseSeconds = result.GetValue(Seconds) switch
        {
            null => result.GetValue(Quick) ? QuickPhaseSeconds : FullPhaseSeconds,
            >= 0.1 and <= 3600 and var seconds => seconds,
            var other => throw new UsageException(FormattableString.Invariant(
                $"--seconds {other}: 0.1 to 3600 is allowed")),
        },
    };

    /// <summary>On loopback whatever the settings say: the clients are in this process and show no token.</summary>
    private static ModelServer Compose(ParseResult result, AtollSettings settings, TimeProvider clock)
    {
        var device = ModelServer.DeviceOptions(settings.Device, clock);
        var serving = settings.Serving.Options;
        return new ModelServer(
            [device with { Units = result.GetValue(Units) ?? device.Units }],
            serving with
            {
                Address = IPAddress.Loopback,
                Tokens = [],
                DrainTimeout = DrainLimit,
                ModelDefaults = serving.ModelDefaults with { Instances = 1 },
            },
            settings.Log, settings.Models.Limits);
    }

    private static void Print(DemoReport report, bool isJson, TextWriter output)
    {
        if (isJson)
        {
            output.WriteLine(JsonSerializer.Serialize(report, DemoJson.Default.DemoReport));
            return;
        }

        DemoTables.Write(report, output);
    }
}
