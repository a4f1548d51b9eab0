namespace Atoll.Serving;

/// <summary>
/// Early drop that gives up no more than it must: a head is given up only when serving it would keep the batch below
/// the planned size although more requests wait; the first request kept then lets the batch grow as far as its own time
/// allows. On a shared queue, where waits are shorter than a batch, this runs batches beyond the planned one. Under
/// overload, seen by a long queue, a larger batch is held to, so that throughput does not fall.
/// </summary>
public sealed class GrowingWindowRule : IBatchRule
{
    /// <summary>The queue is long when it holds this many overload batches.</summary>
    private const double LongQueue = 1.5;

    private readonly double _long;

    /// <param name="batch">The planned batch size, at least 1.</param>
    /// <param name="overload">The batch size to hold to while the queue is long; at least the planned one.</param>
    public GrowingWindowRule(int batch, int overload)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(overload, batch);
        Batch = batch;
        Overload = overload;
        _long = LongQueue * overload;
    }

    public int Batch { get; }

    public int Overload { get; }

    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        while (queue.TryPeek(out var head))
        {
            var planned = queue.Rows >= _long ? Overload : Batch;
            var window = Math.Min(Math.Min(planned, profile.MaxBatch), queue.Rows);
            if (head.Deadline >= now + profile.LatencyOf(Math.Max(window, head.Rows)))
            {
                LazyDropRule.Fill(queue, profile.LargestBatch(head.Deadline - now), take);
                return;
            }

            queue.TryDequeue(out head);
            take.Dropped.Add(head);
        }
    }
}
