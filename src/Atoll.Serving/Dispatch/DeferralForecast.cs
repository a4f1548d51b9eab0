using System.Runtime.InteropServices;

namespace Atoll.Serving;

/// <summary>
/// Whether a queue can wait for its last moment: lays the batches of all queues of its devices, latest start first come
/// first, on the devices as these become free. Waiting costs nothing when the queue's own batch and every batch laid
/// after it start before their last moments. Filled anew for every question; used by one caller at a time.
/// </summary>
internal sealed class DeferralForecast
{
    /// <summary>Beyond so many pairs of queue and device the forecast would cost more than it saves.</summary>
    private const int WorkMax = 1 << 14;

    private readonly List<TimeSpan> _free = [];
    private readonly List<(TimeSpan Last, TimeSpan Execution, bool IsOwn)> _batches = [];

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

        Clear();
        for (var i = 0; i < queue.Devices.Count; i++)
        {
            AddDevice(busyUntil[queue.Devices[i]], now);
        }

        foreach (var other in queues)
        {
            if (other.Waiting.TryPeek(out var head))
            {
                AddBatch(
                    (head.Deadline, other.Waiting.Rows), other.Profile(other.Devices[0]), other.DeferralMargin,
                    other == queue);
            }
        }

        return CanWait();
    }

    public void Clear()
    {
        _free.Clear();
        _batches.Clear();
    }

    /// <summary>A device of the queue that would wait.</summary>
    public void AddDevice(TimeSpan busyUntil, TimeSpan now) => _free.Add(busyUntil > now ? busyUntil : now);

    /// <summary>What waits in a queue that shares the devices.</summary>
    /// <param name="waiting">The first deadline, and how many rows wait.</param>
    /// <param name="profile">What the queue's batches take.</param>
    /// <param name="margin">So much before its last moment a batch must find a free device.</param>
    /// <param name="isOwn">It is the queue that would wait.</param>
    public void AddBatch((TimeSpan Deadline, int Rows) waiting, BatchProfile profile, TimeSpan margin, bool isOwn)
    {
        var execution = profile.Latency(Math.Min(waiting.Rows + 1, profile.MaxBatch));
        _batches.Add((waiting.Deadline - execution - margin, execution, isOwn));
    }

    public bool CanWait()
    {
        if ((long)_free.Count * _batches.Count > WorkMax)
        {
            return false;
        }

        var free = CollectionsMarshal.AsSpan(_free);
        var batches = CollectionsMarshal.AsSpan(_batches);
        batches.Sort(static (x, y) => x.Last.CompareTo(y.Last));
        var isBehind = false;
        foreach (var (last, execution, own) in batches)
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
}
