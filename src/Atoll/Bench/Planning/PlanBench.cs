using Atoll.Serving;

namespace Atoll;

/// <summary>
/// Plans made-up mixes: sessions with linear profiles in the range of published image models, rates from 20 to 520
/// requests per second, on devices of 12 GiB. Each round is another mix from the seed.
/// </summary>
internal sealed class PlanBench(int sessions, int devices, (int Seed, int Repetitions) rounds, TimeProvider clock)
{
    private const int MaxBatch = 128;
    private const long WeightBytes = 200L << 20;
    private const long BytesPerItem = 4L << 20;

    public PlanBenchReport Run()
    {
        var (times, used, bounds, unplaced) = (new List<double>(), new List<double>(), new List<double>(), 0);
        for (var round = 0; round < rounds.Repetitions; round++)
        {
            var request = Mix(new Random(rounds.Seed + round));
            var began = clock.GetTimestamp();
            var plan = ServingPlanner.Plan(request);
            times.Add(clock.GetElapsedTime(began).TotalMilliseconds);
            used.Add(plan.Devices.Count);
            bounds.Add(plan.FluidBound);
            unplaced += plan.Unplaced.Count;
        }

        return new PlanBenchReport
        {
            Machine = BenchJson.Machine,
            Sessions = sessions,
            Devices = devices,
            Repetitions = rounds.Repetitions,
            PlanMs = Percentiles.Median(times),
            SlowestPlanMs = times.Max(),
            DevicesUsed = Percentiles.Median(used),
            FluidBound = Percentiles.Median(bounds),
            UnplacedSessions = unplaced,
        };
    }

    private PlanRequest Mix(Random random)
    {
        var profiles = new List<BatchProfile>();
        var specs = new List<SessionSpec>();
        for (var i = 0; i < sessions; i++)
        {
            var (alpha, beta) = (0.2 + (random.NextDouble() * 1.8), 2 + (random.NextDouble() * 18));
            var objective = Math.Max(3 * (alpha + beta), 40 + (random.NextDouble() * 360));
            profiles.Add(BatchProfile.Linear(
                $"m{i}", "gpu", alpha, beta, MaxBatch, new ProfileMemory(WeightBytes, BytesPerItem)));
            specs.Add(new SessionSpec(
                $"s{i}", $"m{i}", TimeSpan.FromMilliseconds(objective), 20 + (random.NextDouble() * 500)));
        }

        return new PlanRequest
        {
            Devices = [new DeviceKind("gpu", devices, 12L << 30)], Profiles = profiles, Sessions = specs,
        };
    }
}

/// <summary>`bench plan`.</summary>
internal sealed record PlanBenchReport
{
    public required string Machine { get; init; }

    public required int Sessions { get; init; }

    public required int Devices { get; init; }

    public required int Repetitions { get; init; }

    /// <summary>Median time of one plan from scratch.</summary>
    public required double PlanMs { get; init; }

    public required double SlowestPlanMs { get; init; }

    /// <summary>Median over the mixes.</summary>
    public required double DevicesUsed { get; init; }

    /// <summary>Devices if work could be divided at will, median over the mixes.</summary>
    public required double FluidBound { get; init; }

    /// <summary>Sessions that found no device, in all mixes together.</summary>
    public required int UnplacedSessions { get; init; }
}
