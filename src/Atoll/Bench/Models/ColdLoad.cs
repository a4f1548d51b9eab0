using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// What a first load costs: one in a fresh process of ours, then one in a fresh process of ONNX Runtime, on the same
/// CPUs. Starting the process is in neither time; compiling code at first use is, and measuring kernels.
/// </summary>
internal static class ColdLoad
{
    public const string CommandName = "load";

    /// <summary>`atoll bench load`: what is started for each of our loads.</summary>
    public static Command Create(TimeProvider clock)
    {
        var file = new Argument<string>("file") { Description = "A model file; an open dimension is the batch." };
        var threads = new Option<int>("--threads") { Description = "Compute units.", DefaultValueFactory = _ => 1 };
        var batch = new Option<int>("--batch") { Description = "Batch size.", DefaultValueFactory = _ => 1 };
        var command = new Command(CommandName, "Milliseconds of one load, the first of its process.")
        {
            file, threads, batch,
        };
        command.SetAction(result =>
        {
            using var model = new MeasuredModel(result.GetRequiredValue(file), result.GetValue(threads),
                result.GetValue(batch), clock, new KernelTuning(null, "", clock, _ => { }));
            result.InvocationConfiguration.Output.WriteLine(
                model.LoadMilliseconds.ToString("F2", CultureInfo.InvariantCulture));
        });
        return command;
    }

    /// <summary>Medians over that many fresh processes of each engine, in turn.</summary>
    public static (double Ours, double? Peer) Measure(
        (string Path, int Threads, int Batch) load, bool hasPeer, int times)
    {
        var all = ThreadScheduling.AllowedCpus();
        int[] cpus = [.. all.Skip(all.Count - load.Threads)];
        List<double> ours = [], peers = [];
        for (var i = 0; i < times; i++)
        {
            ours.Add(LoadOurs(load, cpus));
            if (hasPeer)
            {
                using var peer = OrtModel.Start(cpus);
                peers.Add(peer.Load(load.Path, load.Threads, load.Batch));
            }
        }

        return (Percentiles.Median(ours), hasPeer ? Percentiles.Median(peers) : null);
    }

    private static double LoadOurs((string Path, int Threads, int Batch) load, int[] cpus)
    {
        var start = new ProcessStartInfo("taskset",
        [
            "-c", string.Join(',', cpus), Path.Combine(AppContext.BaseDirectory, "atoll"), "bench", CommandName,
            load.Path, "--threads", $"{load.Threads}", "--batch", $"{load.Batch}",
        ])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return double.TryParse(answer, CultureInfo.InvariantCulture, out var milliseconds)
            ? milliseconds
            : throw new InvalidOperationException($"'{load.Path}' was not loaded: exit code {process.ExitCode}");
    }
}
