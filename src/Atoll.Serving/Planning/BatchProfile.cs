namespace Atoll.Serving;

/// <summary>
/// How long every batch size of one model takes on one kind of device, and how much memory it needs. Immutable.
/// Between measured points latency and memory are linear; below the first point they are the first point's, because a
/// smaller batch can always be padded up to it.
/// </summary>
public sealed class BatchProfile
{
    /// <summary>The largest batch that a profile may hold.</summary>
    public const int BatchLimit = 65536;

    private readonly TimeSpan[] _latency;
    private readonly double[] _milliseconds;
    private readonly long[] _memory;
    private readonly int[] _batches;

    /// <param name="model">The model that was measured.</param>
    /// <param name="device">The kind of device it was measured on.</param>
    /// <param name="points">At least one point, batches ascending from 1 or more.</param>
    /// <param name="options">Margin, interpolation, host work; <see cref="ProfileOptions.Default"/> if null.</param>
    /// <exception cref="ArgumentException">The points are empty, not ascending or hold an impossible value.</exception>
    public BatchProfile(
        string model, string device, IReadOnlyList<ProfilePoint> points, ProfileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(points);
        Model = model;
        Device = device;
        Options = options ?? ProfileOptions.Default;
        Points = [.. points];
        Check(Points, Options);
        MaxBatch = Points[^1].Batch;
        _latency = new TimeSpan[MaxBatch + 1];
        _milliseconds = new double[MaxBatch + 1];
        _memory = new long[MaxBatch + 1];
        _batches = Options.PointsOnly
            ? [.. Points.Select(point => point.Batch)]
            : [.. Enumerable.Range(1, MaxBatch)];
        Fill();
    }

    public string Model { get; }

    public string Device { get; }

    public IReadOnlyList<ProfilePoint> Points { get; }

    public ProfileOptions Options { get; }

    public int MaxBatch { get; }

    /// <summary>The batch sizes that may run, ascending: every size, or the measured ones with "points only".</summary>
    public ReadOnlySpan<int> Batches => _batches;

    /// <summary>Planned time of the host's work before a batch, with margin.</summary>
    public TimeSpan Preprocessing => Durations.Scale(Options.Preprocessing, Options.Margin);

    /// <summary>Planned time of the host's work after a batch, with margin.</summary>
    public TimeSpan Postprocessing => Durations.Scale(Options.Postprocessing, Options.Margin);

    /// <summary>A profile with latency alpha × batch + beta for every batch size from 1 to the largest.</summary>
    public static BatchProfile Linear(
        string model, string device, double alphaMs, double betaMs, int maxBatch, ProfileMemory memory = default) =>
        new(model, device,
            [.. Enumerable.Range(1, maxBatch).Select(batch => new ProfilePoint(
                batch, Durations.FromMilliseconds((alphaMs * batch) + betaMs), TimeSpan.Zero,
                memory.WeightBytes + (batch * memory.BytesPerItem)))],
            ProfileOptions.Default with { WeightBytes = memory.WeightBytes });

    /// <summary>Planned execution time of a batch: (mean + deviation) × margin.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not within 1 and <see cref="MaxBatch"/>.</exception>
    public TimeSpan Latency(int batch) => _latency[Checked(batch)];

    /// <summary>Planned execution time of so many rows, in parts where one batch cannot hold them.</summary>
    public TimeSpan LatencyOf(int rows) => rows <= MaxBatch
        ? Latency(rows)
        : (rows / MaxBatch * _latency[MaxBatch]) + (rows % MaxBatch > 0 ? _latency[rows % MaxBatch] : TimeSpan.Zero);

    /// <summary>Bytes of device memory of the model with this batch.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not within 1 and <see cref="MaxBatch"/>.</exception>
    public long Memory(int batch) => _memory[Checked(batch)];

    /// <summary>Requests per second of a device that runs this batch back to back.</summary>
    public double Throughput(int batch) => batch / Latency(batch).TotalSeconds;

    /// <summary>
    /// The batch size that runs when so many requests are ready; 0 if they are more than fit one batch.
    /// </summary>
    public int Fit(int requests)
    {
        if (requests > MaxBatch)
        {
            return 0;
        }

        if (!Options.PointsOnly)
        {
            return Math.Max(1, requests);
        }

        var index = Array.BinarySearch(_batches, Math.Max(1, requests));
        return _batches[index < 0 ? ~index : index];
    }

    /// <summary>What an objective leaves for gathering and running batches after the host's work.</summary>
    public TimeSpan ExecutionBudget(TimeSpan objective) => objective - Preprocessing - Postprocessing;

    /// <summary>The largest batch that runs within time and memory; 0 if not even the smallest does.</summary>
    public int LargestBatch(TimeSpan budget, long memoryLimit = long.MaxValue)
    {
        for (var i = _batches.Length - 1; i >= 0; i--)
        {
            if (_latency[_batches[i]] <= budget && _memory[_batches[i]] <= memoryLimit)
            {
                return _batches[i];
            }
        }

        return 0;
    }

    /// <summary>
    /// Of the batches that run within time and memory the one with the highest throughput, the smaller of equals; 0 if
    /// not even the smallest does.
    /// </summary>
    public int BestThroughputBatch(TimeSpan budget, long memoryLimit = long.MaxValue)
    {
        var best = 0;
        foreach (var batch in _batches)
        {
            if (_latency[batch] <= budget && _memory[batch] <= memoryLimit &&
                (best == 0 || Throughput(batch) > Throughput(best)))
            {
                best = batch;
            }
        }

        return best;
    }

    /// <summary>Planned execution time in milliseconds of a batch that is known to be within bounds.</summary>
    internal double Milliseconds(int batch) => _milliseconds[batch];

    private static void Check(IReadOnlyList<ProfilePoint> points, ProfileOptions options)
    {
        if (points.Count == 0)
        {
            throw new ArgumentException("a profile needs at least one point", nameof(points));
        }

        if (!(options.Margin > 0) || options.Margin > 100)
        {
            throw new ArgumentException($"margin {options.Margin} is not within 0 and 100", nameof(options));
        }

        var last = 0;
        foreach (var point in points)
        {
            if (point.Batch <= last || point.Batch > BatchLimit)
            {
                throw new ArgumentException(
                    $"batch {point.Batch} after batch {last}: batches ascend from 1 to {BatchLimit}", nameof(points));
            }

            if (point.Mean <= TimeSpan.Zero || point.Deviation < TimeSpan.Zero || point.MemoryBytes < 0)
            {
                throw new ArgumentException(
                    $"batch {point.Batch}: latency must be above zero, deviation and memory not below", nameof(points));
            }

            last = point.Batch;
        }
    }

    private void Fill()
    {
        var next = 0;
        for (var batch = 1; batch <= MaxBatch; batch++)
        {
            while (Points[next].Batch < batch)
            {
                next++;
            }

            var after = Points[next];
            var before = next == 0 || Options.PointsOnly ? after : Points[next - 1];
            var part = after.Batch == before.Batch ? 1 : (double)(batch - before.Batch) / (after.Batch - before.Batch);
            var ticks = Between(Planned(before), Planned(after), part);
            _latency[batch] = TimeSpan.FromTicks(Math.Max(1, (long)Math.Round(ticks * Options.Margin)));
            _milliseconds[batch] = _latency[batch].TotalMilliseconds;
            _memory[batch] = (long)Math.Ceiling(Between(before.MemoryBytes, after.MemoryBytes, part));
        }
    }

    private static double Planned(ProfilePoint point) => point.Mean.Ticks + point.Deviation.Ticks;

    private static double Between(double before, double after, double part) => before + ((after - before) * part);

    private int Checked(int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch, MaxBatch);
        return batch;
    }
}
