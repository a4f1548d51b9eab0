namespace Atoll.Serving;

/// <summary>Measures a replica: every batch size several times, as it will serve.</summary>
internal static class ProfileMeasurement
{
    private const int LeastRuns = 4;
    private const int MostRuns = 12;

    /// <summary>Time after which a size has been measured enough.</summary>
    private static readonly TimeSpan Enough = TimeSpan.FromMilliseconds(200);

    /// <exception cref="ServingException">A run failed.</exception>
    public static async Task<BatchProfile> RunAsync(
        IReplica replica, (string Model, string Device) names, ReplicaBatch[] batches, TimeProvider clock)
    {
        var points = new List<ProfilePoint>();
        for (var i = 0; i < replica.Sizes.Count; i++)
        {
            var times = new List<double>();
            var begun = clock.GetTimestamp();
            do
            {
                var start = clock.GetTimestamp();
                var outcome = await replica.RunAsync(batches[i], CancellationToken.None);
                times.Add(clock.GetElapsedTime(start).Ticks);
                await CompletionThreads.LeaveAsync();
                if (outcome.Status != InferenceStatus.Completed)
                {
                    throw new ServingException(ServingError.ModelNotServable,
                        $"model '{names.Model}' failed on {names.Device} with a batch of {replica.Sizes[i]}: " +
                        $"{outcome.Status} {outcome.Reason}");
                }
            }
            while (times.Count < LeastRuns || (times.Count < MostRuns && clock.GetElapsedTime(begun) < Enough));

            points.Add(Point(replica.Sizes[i], times, replica.MemoryBytes));
        }

        return new BatchProfile(names.Model, names.Device, points, Options);
    }

    /// <summary>Sizes between the measured ones are padded.</summary>
    public static ProfileOptions Options { get; } = ProfileOptions.Default with { PointsOnly = true };

    private static ProfilePoint Point(int batch, List<double> times, long memory)
    {
        // The slowest run is left out: on a shared machine it tells of the neighbours.
        var kept = times.Order().Take(times.Count - 1).ToArray();
        var mean = kept.Average();
        var deviation = Math.Sqrt(kept.Average(time => (time - mean) * (time - mean)));
        return new ProfilePoint(
            batch, TimeSpan.FromTicks(Math.Max(1, (long)mean)), TimeSpan.FromTicks((long)deviation), memory);
    }
}
