namespace Atoll.Serving;

/// <summary>
/// The profile of one model on one device as it serves: measured at load, corrected from the batches of the last
/// seconds. Planning takes mean and deviation; dispatch takes the 99th percentile, bounded by twice the median so that
/// a single stall of the machine does not make requests be given up for seconds. Thread-safe; readers never wait.
/// </summary>
internal sealed class LiveProfile
{
    private const int Window = 128;
    private const int LeastSamples = 8;
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(15);

    private const double Doubt = 0.8;
    private const double TrustLeast = 0.05;

    private readonly Lock _lock = new();
    private readonly BatchProfile _measured;
    private readonly (long At, long Took)[][] _samples;
    private readonly int[] _next;
    private readonly TimeProvider _clock;
    private double _trust = 1;
    private volatile BatchProfile _forDispatch;
    private volatile BatchProfile _forPlanning;

    public LiveProfile(BatchProfile measured, TimeProvider clock)
    {
        _clock = clock;
        _measured = measured;
        _forDispatch = _forPlanning = measured;
        _samples = [.. measured.Points.Select(_ => new (long, long)[Window])];
        _next = new int[measured.Points.Count];
    }

    /// <summary>What a batch takes, seldom exceeded: decides what is given up.</summary>
    public BatchProfile ForDispatch => _forDispatch;

    /// <summary>What a batch takes, mean and deviation: decides how much load a device is given.</summary>
    public BatchProfile ForPlanning => _forPlanning;

    /// <summary>Notes what a batch of so many rows took, gathering and scattering included.</summary>
    public void Record(int rows, TimeSpan took)
    {
        var point = PointOf(rows);
        lock (_lock)
        {
            _samples[point][_next[point]] = (_clock.GetTimestamp(), Math.Max(1, took.Ticks));
            _next[point] = (_next[point] + 1) % Window;
        }
    }

    /// <summary>
    /// Makes new profiles of what was noted. A size with few recent batches is taken to be as much slower than measured
    /// as the nearest size that has enough: what else the machine does slows all of them.
    /// </summary>
    /// <param name="isStarved">
    /// Nothing runs, because nothing seems to end in time. A measurement that was disturbed would never be corrected
    /// then, so it is trusted less each time until a batch runs and says how long it takes.
    /// </param>
    public void Correct(bool isStarved = false)
    {
        _trust = isStarved ? Math.Max(TrustLeast, _trust * Doubt) : 1;
        long[][] recent = [.. _measured.Points.Select((_, i) => Recent(i))];
        var dispatch = new List<ProfilePoint>();
        var planning = new List<ProfilePoint>();
        for (var i = 0; i < recent.Length; i++)
        {
            var point = _measured.Points[i];
            if (recent[i].Length < LeastSamples)
            {
                point = Scaled(point, _trust * Slowdown(i, recent));
                dispatch.Add(point);
                planning.Add(point);
                continue;
            }

            var sorted = recent[i].Order().ToArray();
            var bound = Math.Min(sorted[(int)((sorted.Length - 1) * 0.99)], 2 * sorted[sorted.Length / 2]);
            dispatch.Add(point with { Mean = TimeSpan.FromTicks(bound), Deviation = TimeSpan.Zero });
            var mean = sorted.Average();
            var deviation = Math.Sqrt(sorted.Average(took => (took - mean) * (took - mean)));
            planning.Add(point with
            {
                Mean = TimeSpan.FromTicks((long)mean), Deviation = TimeSpan.FromTicks((long)deviation),
            });
        }

        _forDispatch = new BatchProfile(_measured.Model, _measured.Device, dispatch, _measured.Options);
        _forPlanning = new BatchProfile(_measured.Model, _measured.Device, planning, _measured.Options);
    }

    /// <summary>How much longer than measured the nearest size with enough batches takes; 1 without any.</summary>
    private double Slowdown(int point, long[][] recent)
    {
        var nearest = Enumerable.Range(0, recent.Length).Where(other => recent[other].Length >= LeastSamples)
            .Cast<int?>().MinBy(other => Math.Abs(other!.Value - point));
        return nearest is { } i ? recent[i].Average() / Math.Max(1, _measured.Points[i].Mean.Ticks) : 1;
    }

    private static ProfilePoint Scaled(ProfilePoint point, double factor) => factor == 1 ? point : point with
    {
        Mean = TimeSpan.FromTicks(Math.Max(1, (long)(point.Mean.Ticks * factor))),
        Deviation = TimeSpan.FromTicks((long)(point.Deviation.Ticks * factor)),
    };

    private long[] Recent(int point)
    {
        lock (_lock)
        {
            return [.. _samples[point]
                .Where(sample => sample.Took > 0 && _clock.GetElapsedTime(sample.At) <= Age)
                .Select(sample => sample.Took)];
        }
    }

    /// <summary>The point whose batch size runs for so many rows.</summary>
    private int PointOf(int rows)
    {
        for (var i = 0; i < _measured.Points.Count; i++)
        {
            if (_measured.Points[i].Batch >= rows)
            {
                return i;
            }
        }

        return _measured.Points.Count - 1;
    }
}
