namespace Atoll.Serving;

/// <summary>
/// The queues of several sessions as one, earliest deadline first. Used while the locks of all sessions are held.
/// </summary>
internal sealed class MergedQueue(SessionQueue[] queues) : IRequestQueue
{
    public int Count
    {
        get
        {
            var count = 0;
            foreach (var queue in queues)
            {
                count += queue.Count;
            }

            return count;
        }
    }

    public int Rows
    {
        get
        {
            var rows = 0;
            foreach (var queue in queues)
            {
                rows += queue.Rows;
            }

            return rows;
        }
    }

    public bool TryPeek(out QueuedRequest request)
    {
        request = default;
        return First() is { } first && first.TryPeek(out request);
    }

    public bool TryDequeue(out QueuedRequest request)
    {
        request = default;
        return First() is { } first && first.TryDequeue(out request);
    }

    private SessionQueue? First()
    {
        SessionQueue? first = null;
        var earliest = TimeSpan.MaxValue;
        foreach (var queue in queues)
        {
            if (queue.TryPeek(out var head) && (first is null || head.Deadline < earliest))
            {
                (first, earliest) = (queue, head.Deadline);
            }
        }

        return first;
    }
}
