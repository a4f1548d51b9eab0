namespace Atoll;

/// <summary>
/// When requests of a client arrive, in seconds from the start: pure, so that alone and loaded runs see the same.
/// </summary>
internal static class DisbArrivals
{
    /// <param name="rateFactor">Rates are multiplied by it; traces are stretched by its inverse.</param>
    /// <param name="offset">First arrival of a uniform load in seconds: clients of one rate are staggered.</param>
    public static double[] Of(DisbTask task, double seconds, double rateFactor, double offset, Random random) =>
        task.Load switch
    {
        DisbLoad.Uniform => Uniform(task.RatePerSecond * rateFactor, seconds, offset),
        DisbLoad.Poisson => Poisson(task.RatePerSecond * rateFactor, seconds, random),
        DisbLoad.Trace => Repeat(task.TraceMs, rateFactor, seconds),
        _ => [],
    };

    /// <summary>
    /// Newest-frame rule: of the arrivals that have passed, only the latest is served. Index of the next one to serve.
    /// </summary>
    public static int Next(ReadOnlySpan<double> arrivals, int from, double now)
    {
        var next = from;
        while (next + 1 < arrivals.Length && arrivals[next + 1] <= now)
        {
            next++;
        }

        return next;
    }

    private static double[] Uniform(double rate, double seconds, double offset) =>
        [.. Enumerable.Range(0, (int)((seconds - offset) * rate)).Select(i => offset + (i / rate))];

    private static double[] Poisson(double rate, double seconds, Random random)
    {
        var times = new List<double>();
        for (var time = 0.0; (time += -Math.Log(1 - random.NextDouble()) / rate) < seconds;)
        {
            times.Add(time);
        }

        return [.. times];
    }

    private static double[] Repeat(IReadOnlyList<double> traceMs, double rateFactor, double seconds)
    {
        var period = traceMs[^1] / 1000 / rateFactor;
        var rounds = (int)Math.Ceiling(seconds / period);
        return [.. Enumerable.Range(0, rounds)
            .SelectMany(r => traceMs.Select(t => (r * period) + (t / 1000 / rateFactor)))
            .Where(t => t < seconds)];
    }
}
