namespace Atoll.Serving.Tests;

/// <summary>Seeded sessions on linear profiles in the range of published image models.</summary>
internal static class RandomMixes
{
    /// <summary>3 to 10 sessions that need a few devices together.</summary>
    public static PlanRequest Small(int seed)
    {
        var random = new Random(seed);
        return Mix(random, random.Next(3, 11), () => 2 + (random.NextDouble() * random.NextDouble() * 400), 64);
    }

    public static PlanRequest Mix(Random random, int sessions, Func<double> rate, int devices)
    {
        var profiles = new List<BatchProfile>();
        var specs = new List<SessionSpec>();
        for (var i = 0; i < sessions; i++)
        {
            var alpha = 0.2 + (random.NextDouble() * 1.8);
            var beta = 2 + (random.NextDouble() * 18);
            var objective = Math.Max(3 * (alpha + beta), 40 + (random.NextDouble() * 360));
            profiles.Add(BatchProfile.Linear($"m{i}", "*", alpha, beta, 128, new ProfileMemory(200 << 20, 4 << 20)));
            specs.Add(new SessionSpec($"s{i}", $"m{i}", TimeSpan.FromMilliseconds(objective), rate()));
        }

        return new PlanRequest
        {
            Devices = [new DeviceKind("gpu", devices, 12L << 30)],
            Profiles = profiles,
            Sessions = specs,
        };
    }
}
