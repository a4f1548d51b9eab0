namespace Atoll.Serving;

/// <summary>
/// Deferred batching (Proteus; Symphony's schedulable window): a batch of k with the earliest deadline D starts no
/// earlier than D - l(k + 1), the last moment at which one more request would still fit, so batches grow as large as
/// the objective allows and few devices are busy. A queue that already fills the largest batch starts at once.
/// </summary>
public sealed class DeferredRule : IBatchRule
{
    private readonly int _batchMax;
    private readonly TimeSpan _margin;

    /// <param name="batchMax">A queue of this length starts at once.</param>
    /// <param name="margin">Started this much before the last moment.</param>
    public DeferredRule(int batchMax, TimeSpan margin = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchMax, 1);
        _batchMax = batchMax;
        _margin = margin;
    }

    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        LazyDropRule.DropHopeless(queue, now, profile, take);
        if (!queue.TryPeek(out var head))
        {
            return;
        }

        var batchMax = Math.Min(_batchMax, profile.MaxBatch);
        var size = Math.Min(Math.Min(batchMax, queue.Rows), profile.LargestBatch(head.Deadline - now));
        if (size < batchMax && size == queue.Rows)
        {
            var last = head.Deadline - profile.Latency(size + 1) - _margin;
            if (now < last)
            {
                take.WakeAt = last;
                return;
            }
        }

        LazyDropRule.Fill(queue, size, take);
    }
}
