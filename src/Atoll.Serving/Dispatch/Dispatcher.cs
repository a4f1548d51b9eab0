namespace Atoll.Serving;

/// <summary>
/// Decides which requests run together, where and when. Pure: it is told of arrivals, ends and the time, and answers
/// through its sink; the same object serves live devices and simulated ones. Owned by one thread.
/// </summary>
public sealed class Dispatcher
{
    private readonly IQueueOrder _order;
    private readonly IDispatchSink _sink;
    private readonly DispatchQueue[] _queues;
    private readonly DispatchQueue[][] _byDevice;
    private readonly DispatchQueue[][] _bySession;
    private readonly DeficitRouter?[] _routers;
    private readonly bool[] _isIdle;
    private readonly TimeSpan[] _busyUntil;
    private readonly DeferralForecast _forecast = new();
    private readonly BatchTake _take = new();
    private int _idle;

    /// <param name="queues">All queues; sessions and devices are numbered from 0.</param>
    /// <param name="sessions">How many sessions there are.</param>
    /// <param name="devices">How many devices there are; all idle at first.</param>
    /// <param name="order">Chooses among the queues of a free device.</param>
    /// <param name="sink">Told of every decision.</param>
    public Dispatcher(
        IReadOnlyList<DispatchQueue> queues, int sessions, int devices, IQueueOrder order, IDispatchSink sink)
    {
        ArgumentNullException.ThrowIfNull(queues);
        _order = order;
        _sink = sink;
        _queues = [.. queues];
        _byDevice = Grouped(devices, queue => queue.Devices);
        _bySession = Grouped(sessions, queue => [queue.Session]);
        _routers = [.. _bySession.Select(
            own => own.Length > 1 ? new DeficitRouter(own.Select(queue => queue.Weight)) : null)];
        _busyUntil = new TimeSpan[devices];
        _isIdle = new bool[devices];
        Array.Fill(_isIdle, true);
        _idle = devices;
    }

    public IReadOnlyList<DispatchQueue> Queues => _queues;

    /// <summary>When <see cref="Wake"/> must be called, if nothing else happens before; null: not at all.</summary>
    public TimeSpan? WakeAt
    {
        get
        {
            TimeSpan? first = null;
            foreach (var queue in _queues)
            {
                if (queue.NotBefore != TimeSpan.MinValue && queue.Waiting.Count > 0 &&
                    (first is null || queue.NotBefore < first))
                {
                    first = queue.NotBefore;
                }
            }

            return first;
        }
    }

    public bool IsIdle(int device) => _isIdle[device];

    /// <summary>A request arrives; false when the session has no queue or its queue is full.</summary>
    public bool Enqueue(int session, in QueuedRequest request, TimeSpan now)
    {
        var own = _bySession[session];
        if (own.Length == 0)
        {
            return false;
        }

        var queue = own[_routers[session]?.Next() ?? 0];
        if (!queue.Waiting.TryEnqueue(request))
        {
            return false;
        }

        queue.NotBefore = TimeSpan.MinValue;
        StartFrom(queue, now);
        return true;
    }

    /// <summary>A client gave up; false when the request does not wait here.</summary>
    public bool Cancel(int session, long id)
    {
        foreach (var queue in _bySession[session])
        {
            if (queue.Waiting.Remove(id))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A device ended its batch, or may take work again.</summary>
    public void Free(int device, TimeSpan now)
    {
        SetIdle(device, true);
        while (_isIdle[device] && _order.Next(device, _byDevice[device], now) is { } queue)
        {
            TakeFrom(queue, device, now);
        }
    }

    /// <summary>A device takes no batch until it is <see cref="Free"/> again (a model loads, a device left).</summary>
    public void Occupy(int device) => SetIdle(device, false);

    /// <summary>The time of <see cref="WakeAt"/> has come.</summary>
    public void Wake(TimeSpan now)
    {
        foreach (var queue in _queues)
        {
            if (queue.NotBefore != TimeSpan.MinValue && queue.NotBefore <= now)
            {
                queue.NotBefore = TimeSpan.MinValue;
                StartFrom(queue, now);
            }
        }
    }

    private void StartFrom(DispatchQueue queue, TimeSpan now)
    {
        if (_idle == 0)
        {
            return;
        }

        var devices = queue.Devices;
        for (var place = 0; place < devices.Count && IQueueOrder.IsReady(queue, now); place++)
        {
            if (_isIdle[devices[place]])
            {
                TakeFrom(queue, devices[place], now);
            }
        }
    }

    private void TakeFrom(DispatchQueue queue, int device, TimeSpan now)
    {
        var sharing = _byDevice[queue.Devices[0]];
        var rule = queue.Deferral is { } deferral && now >= queue.EagerUntil &&
            _forecast.CanWait(queue, sharing, _busyUntil, now) ? deferral : queue.Rule;
        rule.Take(queue.Waiting, now, queue.Profile(device), _take);
        queue.NotBefore = _take.Batch.Count == 0 && _take.WakeAt is { } wake ? wake : TimeSpan.MinValue;
        foreach (var dropped in _take.Dropped)
        {
            _sink.Drop(queue.Session, dropped);
        }

        if (_take.Dropped.Count > 0)
        {
            // Something was lost: nobody here waits for a while.
            Array.ForEach(sharing, other => other.EagerUntil = now + other.DeferralPause);
        }

        if (_take.Batch.Count > 0)
        {
            SetIdle(device, false);
            _busyUntil[device] = now + queue.Profile(device).LatencyOf(_take.Rows);
            _sink.Start(device, queue, _take.Batch);
        }
    }

    private void SetIdle(int device, bool isIdle)
    {
        _idle += (isIdle ? 1 : 0) - (_isIdle[device] ? 1 : 0);
        _isIdle[device] = isIdle;
    }

    private DispatchQueue[][] Grouped(int count, Func<DispatchQueue, IEnumerable<int>> keys)
    {
        var groups = new List<DispatchQueue>[count];
        for (var i = 0; i < count; i++)
        {
            groups[i] = [];
        }

        foreach (var queue in _queues)
        {
            foreach (var key in keys(queue))
            {
                groups[key].Add(queue);
            }
        }

        return [.. groups.Select(group => group.ToArray())];
    }
}
