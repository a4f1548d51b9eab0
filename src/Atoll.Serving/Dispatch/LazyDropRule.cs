namespace Atoll.Serving;

/// <summary>
/// Lazy drop, earliest first (as Clipper does): gives up only what can no longer be answered even alone; the head's
/// time left fixes the batch size. A late head therefore makes small batches, and goodput collapses under overload.
/// </summary>
/// <param name="batch">The largest batch.</param>
public sealed class LazyDropRule(int batch) : IBatchRule
{
    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        DropHopeless(queue, now, profile, take);
        if (!queue.TryPeek(out var head))
        {
            return;
        }

        var size = Math.Min(Math.Min(batch, profile.LargestBatch(head.Deadline - now)), queue.Rows);
        Fill(queue, size, take);
    }

    /// <summary>Gives up the heads that would be late even if they ran alone now.</summary>
    internal static void DropHopeless(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        while (queue.TryPeek(out var head) && head.Deadline < now + profile.LatencyOf(head.Rows))
        {
            queue.TryDequeue(out head);
            take.Dropped.Add(head);
        }
    }

    /// <summary>
    /// Takes what comes first as the batch, up to <paramref name="size"/> rows; a larger request runs alone.
    /// </summary>
    internal static void Fill(IRequestQueue queue, int size, BatchTake take)
    {
        for (var rows = 0; rows < size && queue.TryPeek(out var request) &&
            (rows == 0 || rows + request.Rows <= size); rows += request.Rows)
        {
            queue.TryDequeue(out request);
            take.Batch.Add(request);
        }
    }
}
