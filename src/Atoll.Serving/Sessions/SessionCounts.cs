namespace Atoll.Serving;

/// <summary>
/// What became of a session's requests. Written under the session's lock, read by anyone: each number is read whole,
/// the sum of several may be one request apart.
/// </summary>
internal sealed class SessionCounts
{
    /// <summary>Batches up to this are counted by each number of rows, larger ones by the next size of a program.
    /// </summary>
    private const int CountedSingly = 64;

    private readonly int[] _sizes;
    private readonly long[] _batches;
    private long _arrived;
    private long _good;
    private long _goodRows;
    private long _late;
    private long _dropped;
    private long _deferred;
    private long _refused;
    private long _cancelled;
    private long _failed;

    /// <param name="maxBatch">Rows that a batch may have.</param>
    public SessionCounts(int maxBatch)
    {
        _sizes = [.. Enumerable.Range(1, Math.Min(CountedSingly, maxBatch)),
            .. BatchSizes.UpTo(maxBatch).Where(size => size > CountedSingly)];
        _batches = new long[_sizes.Length];
    }

    /// <summary>All requests that came, refused ones too.</summary>
    public long Arrived => Interlocked.Read(ref _arrived);

    /// <summary>Answered within the deadline.</summary>
    public long Good => Interlocked.Read(ref _good);

    /// <summary>Rows of the requests that were answered within the deadline.</summary>
    public long GoodRows => Interlocked.Read(ref _goodRows);

    /// <summary>Ran, and ended after the deadline.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Given up in the queue, because their batch could not have ended in time.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Handed to the session of late requests, because they could not have been answered in time.</summary>
    public long Deferred => Interlocked.Read(ref _deferred);

    /// <summary>Not let in, with a reason.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>The client left.</summary>
    public long Cancelled => Interlocked.Read(ref _cancelled);

    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>All batches that ran.</summary>
    public long Ran => _batches.Sum();

    /// <summary>How many batches ran with each number of rows, those that ran at all.</summary>
    public IReadOnlyList<BatchCount> Batches =>
        [.. _sizes.Zip(_batches, (rows, count) => new BatchCount(rows, count)).Where(batch => batch.Count > 0)];

    public void Arrive() => Interlocked.Increment(ref _arrived);

    public void Refuse() => Interlocked.Increment(ref _refused);

    public void Defer() => Interlocked.Increment(ref _deferred);

    public void Drop() => Interlocked.Increment(ref _dropped);

    public void Batch(int rows)
    {
        var place = Array.BinarySearch(_sizes, rows);
        Interlocked.Increment(ref _batches[Math.Min(place < 0 ? ~place : place, _batches.Length - 1)]);
    }

    public void End(InferenceStatus status, bool inTime, int rows = 1)
    {
        switch (status)
        {
            case InferenceStatus.Completed when inTime:
                Interlocked.Increment(ref _good);
                Interlocked.Add(ref _goodRows, rows);
                break;
            case InferenceStatus.Completed or InferenceStatus.Late:
                Interlocked.Increment(ref _late);
                break;
            case InferenceStatus.Cancelled:
                Interlocked.Increment(ref _cancelled);
                break;
            default:
                Interlocked.Increment(ref _failed);
                break;
        }
    }
}
