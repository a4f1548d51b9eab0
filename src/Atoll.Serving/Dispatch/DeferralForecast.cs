namespace Atoll.Serving;

/// <summary>
/// Whether a queue can wait for its last moment: lays the batches of all queues of its devices, latest start first come
/// first, on the devices as these become free. Waiting costs nothing when the queue's own batch and every batch laid
/// after it start before their last moments.
/// </summary>
internal sealed class DeferralForecast
{
    /// <summary>Beyond so many pairs of queue and device the forecast would cost more than it saves.</summary>
    private const int WorkMax = 1 << 14;

    private TimeSpan[] _free = [];
    private (TimeSpan Last, TimeSpan Execution, bool IsOwn)[] _batches = [];

    /// <param name="queue">The queue that would wait.</param>
    /// <param name="queues">The queues that share its devices, itself included.</param>
    /// <param name="busyUntil">When each device of the cluster becomes free; in the past: now.</param>
    /// <param name="now">The time.</param>
    public bool CanWait(DispatchQueue queue, DispatchQueue[] queues, TimeSpan[] busyUntil, TimeSpan now)
    {
        if ((long)queue.Devices.Count * queues.Length > WorkMax)
        {
            return false;
        }

        var free = Free(queue.Devices, busyUntil, now);
        var isBehind = false;
        foreach (var (last, execution, own) in Batches(queues, queue))
        {
            var first = 0;
            for (var i = 1; i < free.Length; i++)
            {
                first = free[i] < free[first] ? i : first;
            }

            isBehind |= own;
            if (isBehind && free[first] > last)
            {
                return false;
            }

            // It starts at its last moment, not when the device is free.
            free[first] = (free[first] > last ? free[first] : last) + execution;
        }

        return true;
    }

    private Span<TimeSpan> Free(IReadOnlyList<int> devices, TimeSpan[] busyUntil, TimeSpan now)
    {
        if (_free.Length < devices.Count)
        {
            _free = new TimeSpan[devices.Count];
        }

        for (var i = 0; i < devices.Count; i++)
        {
            _free[i] = busyUntil[devices[i]] > now ? busyUntil[devices[i]] : now;
        }

        return _free.AsSpan(0, devices.Count);
    }

    private Span<(TimeSpan Last, TimeSpan Execution, bool IsOwn)> Batches(
        DispatchQueue[] queues, DispatchQueue own)
    {
        if (_batches.Length < queues.Length)
        {
            _batches = new (TimeSpan, TimeSpan, bool)[queues.Length];
        }

        var count = 0;
        foreach (var queue in queues)
        {
            if (queue.Waiting.TryPeek(out var head))
            {
                var profile = queue.Profile(queue.Devices[0]);
                var execution = profile.Latency(Math.Min(queue.Waiting.Rows + 1, profile.MaxBatch));
                _batches[count++] = (head.Deadline - execution - queue.DeferralMargin, execution, queue == own);
            }
        }

        var batches = _batches.AsSpan(0, count);
        batches.Sort((x, y) => x.Last.CompareTo(y.Last));
        return batches;
    }
}
