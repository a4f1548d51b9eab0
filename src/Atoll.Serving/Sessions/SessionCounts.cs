namespace Atoll.Serving;

/// <summary>
/// What became of a session's requests. Written under the session's lock, read by anyone: each number is read whole,
/// the sum of several may be one request apart.
/// </summary>
internal sealed class SessionCounts(int maxBatch)
{
    private readonly long[] _batches = new long[maxBatch + 1];
    private long _arrived;
    private long _good;
    private long _late;
    private long _dropped;
    private long _refused;
    private long _cancelled;
    private long _failed;

    /// <summary>All requests that came, refused ones too.</summary>
    public long Arrived => Interlocked.Read(ref _arrived);

    /// <summary>Answered within the deadline.</summary>
    public long Good => Interlocked.Read(ref _good);

    /// <summary>Ran, and ended after the deadline.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Given up in the queue, because their batch could not have ended in time.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Not let in, with a reason.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>The client left.</summary>
    public long Cancelled => Interlocked.Read(ref _cancelled);

    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>How many batches ran with each number of requests; index 0 is unused.</summary>
    public IReadOnlyList<long> Batches => _batches;

    public void Arrive() => Interlocked.Increment(ref _arrived);

    public void Refuse() => Interlocked.Increment(ref _refused);

    public void Drop() => Interlocked.Increment(ref _dropped);

    public void Batch(int requests) => Interlocked.Increment(ref _batches[requests]);

    public void End(InferenceStatus status, bool inTime)
    {
        switch (status)
        {
            case InferenceStatus.Completed when inTime:
                Interlocked.Increment(ref _good);
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
