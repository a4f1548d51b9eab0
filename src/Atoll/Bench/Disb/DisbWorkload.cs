using System.Text.Json;
using Atoll.Devices;

namespace Atoll;

/// <summary>How requests of one DISB client arrive.</summary>
internal enum DisbLoad
{
    /// <summary>The next request follows the answer at once.</summary>
    ClosedLoop,
    Uniform,
    Poisson,

    /// <summary>Recorded times.</summary>
    Trace,
}

/// <summary>One client of a workload: a model of its own, a class and a way of arriving.</summary>
/// <param name="RatePerSecond">Mean rate before scaling; 0 for a closed loop.</param>
/// <param name="TraceMs">Arrival times in ms from the start, for traces.</param>
internal sealed record DisbTask(
    string Model, WorkClass Class, DisbLoad Load, double RatePerSecond, IReadOnlyList<double> TraceMs);

/// <summary>
/// The workloads of DISB, the benchmark of the REEF authors: A to E by their rules, REAL from its published traces
/// (SJTU-IPADS/disb, file REAL.json).
/// </summary>
internal sealed record DisbWorkload(string Name, IReadOnlyList<DisbTask> Tasks)
{
    private static readonly string[] Five = ["resnet152", "densenet201", "vgg19", "inceptionv3", "distilbert"];

    public static IReadOnlyList<string> Names { get; } = ["A", "B", "C", "D", "E", "REAL"];

    /// <param name="dataFolder">Where REAL.json lies; not needed for A to E.</param>
    /// <exception cref="UsageException">Unknown name, or REAL without its traces.</exception>
    public static DisbWorkload Of(string name, string? dataFolder) => name.ToUpperInvariant() switch
    {
        "A" => new("A", [Uniform("vgg19", 100), BestEffort("resnet152")]),
        "B" => new("B", [ClosedRealTime("vgg19"), BestEffort("resnet152")]),
        "C" => new("C", [Uniform("vgg19", 100), .. Five.Select(BestEffort)]),
        "D" => new("D", [.. Five.Select(m => Uniform(m, 20)), .. Five.Select(BestEffort)]),
        "E" => new(
            "E", [.. Five.Select(m => new DisbTask(m, WorkClass.RealTime, DisbLoad.Poisson, 20, [])),
            .. Five.Select(BestEffort)]),
        "REAL" => new("REAL", [.. ReadTraces(dataFolder), .. Five.Select(BestEffort)]),
        _ => throw new UsageException($"unknown DISB workload '{name}': one of {string.Join(", ", Names)}"),
    };

    private static DisbTask Uniform(string model, double rate) =>
        new(model, WorkClass.RealTime, DisbLoad.Uniform, rate, []);

    private static DisbTask ClosedRealTime(string model) => new(model, WorkClass.RealTime, DisbLoad.ClosedLoop, 0, []);

    private static DisbTask BestEffort(string model) => new(model, WorkClass.BestEffort, DisbLoad.ClosedLoop, 0, []);

    private static IEnumerable<DisbTask> ReadTraces(string? folder)
    {
        var path = folder is null ? null : Path.Combine(folder, "REAL.json");
        if (path is null || !File.Exists(path))
        {
            throw new UsageException(
                $"workload REAL needs the published traces: REAL.json was not found in '{folder}' (option --data)");
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (var task in json.RootElement.GetProperty("tasks").EnumerateArray())
        {
            var load = task.GetProperty("load");
            if (load.GetProperty("type").GetString() == "trace")
            {
                double[] times = [.. load.GetProperty("trace").EnumerateArray().Select(t => t.GetDouble()).Order()];
                var name = task.GetProperty("id").GetString()!.Split('_')[0];
                yield return new DisbTask(
                    name, WorkClass.RealTime, DisbLoad.Trace, times.Length / (times[^1] / 1000), times);
            }
        }
    }
}
