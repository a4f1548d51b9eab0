namespace Atoll.Serving;

/// <summary>How long batches really take in a simulation: the measured mean, with its deviation if asked for.</summary>
internal sealed class ExecutionTimes(bool hasNoise, Random random)
{
    /// <summary>No execution is shorter than this part of its mean.</summary>
    private const double Shortest = 0.5;

    private readonly Dictionary<BatchProfile, (double Mean, double Deviation)[]> _byProfile = [];

    public TimeSpan Draw(BatchProfile profile, int batch)
    {
        if (!_byProfile.TryGetValue(profile, out var times))
        {
            _byProfile[profile] = times =
                [.. Enumerable.Range(0, profile.MaxBatch + 1).Select(b => Measured(profile, b))];
        }

        var (mean, deviation) = times[batch];
        var ticks = hasNoise ? Math.Max(Shortest * mean, mean + (deviation * Normal())) : mean;
        return TimeSpan.FromTicks(Math.Max(1, (long)Math.Round(ticks)));
    }

    private static (double Mean, double Deviation) Measured(BatchProfile profile, int batch)
    {
        var points = profile.Points;
        var next = 0;
        while (points[next].Batch < batch)
        {
            next++;
        }

        var after = points[next];
        var before = next == 0 || profile.Options.PointsOnly ? after : points[next - 1];
        var part = after.Batch == before.Batch ? 1 : (double)(batch - before.Batch) / (after.Batch - before.Batch);
        return (before.Mean.Ticks + (part * (after.Mean.Ticks - before.Mean.Ticks)),
            before.Deviation.Ticks + (part * (after.Deviation.Ticks - before.Deviation.Ticks)));
    }

    /// <summary>Box and Muller.</summary>
    private double Normal() =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
