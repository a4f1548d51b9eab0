namespace Atoll.Serving;

/// <summary>
/// The queue whose batch must start first: earliest deadline, less the time that the batch ready now takes. For equal
/// batch times this is earliest deadline first.
/// </summary>
/// <param name="batchMax">No batch is taken to be larger (Clockwork: 16).</param>
public sealed class EarliestStartOrder(int batchMax = BatchProfile.BatchLimit) : IQueueOrder
{
    public DispatchQueue? Next(int device, IReadOnlyList<DispatchQueue> queues, TimeSpan now)
    {
        DispatchQueue? first = null;
        var firstStart = TimeSpan.MaxValue;
        for (var i = 0; i < queues.Count; i++)
        {
            var queue = queues[i];
            if (IQueueOrder.IsReady(queue, now) && queue.Waiting.TryPeek(out var head))
            {
                var profile = queue.Profile(device);
                var size = Math.Min(Math.Min(queue.Waiting.Rows, batchMax), Math.Min(queue.Batch, profile.MaxBatch));
                var start = head.Deadline - profile.Latency(Math.Max(1, size));
                if (start < firstStart)
                {
                    (first, firstStart) = (queue, start);
                }
            }
        }

        return first;
    }
}
