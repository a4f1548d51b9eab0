namespace Atoll.Serving;

/// <summary>
/// A large cluster whose rates all double within a second, stay so for a minute and fall again, planned anew in epochs:
/// how long requests suffer, and whether devices are given back.
/// </summary>
public static class SurgeScenario
{
    private const int Sessions = 20;
    private const int Begin = 120;
    private const int Length = 60;
    private const int End = 300;

    /// <summary>Re-planning every 20 s and on change; models load in half a second.</summary>
    public static SimulationOptions Options { get; } = new()
    {
        Arrivals = new()
        {
            Steps =
            [
                new(TimeSpan.FromSeconds(Begin), 1.5), new(TimeSpan.FromSeconds(Begin + 0.5), 2),
                new(TimeSpan.FromSeconds(Begin + Length), 1),
            ],
        },
        WarmUp = TimeSpan.FromSeconds(2),
        Duration = TimeSpan.FromSeconds(End - 2),
        Epochs = new(),
    };

    /// <summary>
    /// Twenty sessions with seeded profiles of slow devices (20 to 80 ms and a twentieth to a seventh of it per item)
    /// and objectives of 3 to 8 times the latency alone, at this part of what the devices can take.
    /// </summary>
    public static ClusterLoad Load(int devices, double utilisation, int seed)
    {
        var random = new Random(seed);
        var profiles = new List<BatchProfile>();
        var sessions = new List<SessionSpec>();
        for (var i = 0; i < Sessions; i++)
        {
            var beta = 20 + (60 * random.NextDouble());
            var alpha = beta * (0.05 + (0.1 * random.NextDouble()));
            var objective = Math.Round((alpha + beta) * (3 + (5 * random.NextDouble())));
            profiles.Add(BatchProfile.Linear($"m{i}", "gpu", alpha, beta, 64));
            sessions.Add(new($"s{i}", $"m{i}", TimeSpan.FromMilliseconds(objective), 15 + (50 * random.NextDouble())));
        }

        var planner = new PartitionPlanner(sessions, profiles, devices, 0);
        return new ClusterLoad(new PlanRequest
        {
            Devices = [new DeviceKind("gpu", devices)], Profiles = profiles, Sessions = sessions,
        }).Scaled(utilisation * planner.LargestFactor());
    }

    /// <summary>Reads the outcome of a run with these options.</summary>
    public static SurgeMeasure Measure(SimulationOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        var seconds = outcome.Seconds;
        var absorbed = 0;
        for (var second = Begin; second < Begin + Length; second++)
        {
            absorbed = seconds[second].Requests.GoodShare < MaxRateSearch.GoodShare ? second - Begin + 1 : absorbed;
        }

        double Used(int from, int to) => seconds.Take(to).Skip(from).Average(second => second.DevicesPlanned);
        return new(absorbed, 1 - outcome.Requests.GoodShare,
            Used(Begin - 30, Begin), Used(Begin + 30, Begin + Length), Used(End - 30, End));
    }
}
