namespace Atoll.Serving;

/// <summary>The queue whose first request has the earliest deadline.</summary>
public sealed class EarliestDeadlineOrder : IQueueOrder
{
    public DispatchQueue? Next(int device, IReadOnlyList<DispatchQueue> queues, TimeSpan now)
    {
        DispatchQueue? first = null;
        var deadline = TimeSpan.MaxValue;
        for (var i = 0; i < queues.Count; i++)
        {
            var queue = queues[i];
            if (IQueueOrder.IsReady(queue, now) && queue.Waiting.TryPeek(out var head) && head.Deadline < deadline)
            {
                (first, deadline) = (queue, head.Deadline);
            }
        }

        return first;
    }
}
