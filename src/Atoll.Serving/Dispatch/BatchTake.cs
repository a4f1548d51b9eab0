namespace Atoll.Serving;

/// <summary>
/// What a batch rule took from a queue: the requests to run together, those it gave up, and when it wants to be asked
/// again if it took none. One object is used again and again, so that taking a batch allocates nothing.
/// </summary>
public sealed class BatchTake
{
    /// <summary>Run together, in order of deadline; empty when nothing should start now.</summary>
    public List<QueuedRequest> Batch { get; } = [];

    /// <summary>Rows of the batch.</summary>
    public int Rows
    {
        get
        {
            var rows = 0;
            foreach (var request in Batch)
            {
                rows += request.Rows;
            }

            return rows;
        }
    }

    /// <summary>Given up: they could not be answered in time, or only at the cost of more others.</summary>
    public List<QueuedRequest> Dropped { get; } = [];

    /// <summary>
    /// With an empty batch: the latest time to ask again, if no request comes before; null: when one comes.
    /// </summary>
    public TimeSpan? WakeAt { get; set; }

    public void Clear()
    {
        Batch.Clear();
        Dropped.Clear();
        WakeAt = null;
    }
}
