namespace Atoll.Serving;

/// <summary>
/// Triton's dynamic batcher: the largest preferred size that the queue fills; else what is there, once the first
/// request has waited for the queue delay. Gives up only what is late already (its REJECT timeout set to the
/// objective).
/// </summary>
public sealed class DynamicBatcherRule : IBatchRule
{
    private readonly int _batchMax;
    private readonly int[] _preferred;
    private readonly TimeSpan _delay;

    /// <param name="batchMax">max_batch_size.</param>
    /// <param name="preferred">preferred_batch_size, any order; none: the maximum alone.</param>
    /// <param name="delay">max_queue_delay.</param>
    public DynamicBatcherRule(int batchMax, IEnumerable<int> preferred, TimeSpan delay)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchMax, 1);
        _batchMax = batchMax;
        _preferred = [.. preferred.Where(size => size >= 1 && size <= batchMax).OrderDescending()];
        _delay = delay;
    }

    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        while (queue.TryPeek(out var late) && late.Deadline < now)
        {
            queue.TryDequeue(out late);
            take.Dropped.Add(late);
        }

        if (!queue.TryPeek(out var head))
        {
            return;
        }

        var size = Math.Min(Math.Min(_batchMax, profile.MaxBatch), queue.Rows);
        var preferred = Array.Find(_preferred, candidate => candidate <= size);
        if (size == _batchMax || now >= head.Arrival + _delay)
        {
            LazyDropRule.Fill(queue, preferred > 0 ? preferred : size, take);
        }
        else if (preferred > 0)
        {
            LazyDropRule.Fill(queue, preferred, take);
        }
        else
        {
            take.WakeAt = head.Arrival + _delay;
        }
    }
}
