namespace Atoll.Serving;

/// <summary>
/// The requests of one model, class and objective: a bounded queue by deadline, from which the lanes of the session's
/// devices take batches. Thread-safe; its lock is held for queue work only, never while something runs or completes.
/// </summary>
internal sealed partial class LiveSession
{
    /// <summary>Seconds over which goodput is smoothed.</summary>
    private const double GoodputMemory = 5;

    /// <summary>
    /// A request's number within its session has so many bits; the session's own number is above them.
    /// </summary>
    private const int OrderShift = 40;

    private static long _sessions;

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly long _origin;
    private readonly SessionQueue _queue;
    private readonly Dictionary<long, LiveRequest> _waiting = [];
    private readonly Stack<LiveRequest> _free = [];
    private volatile LaneSeat[] _seats = [];
    private TimeSpan _readAt;
    private long _goodRead;
    private long _nextId;

    /// <param name="origin">Timestamp that all times of the server's sessions count from.</param>
    public LiveSession(LiveSessionOptions options, TimeProvider clock, long origin)
    {
        Options = options;
        _clock = clock;
        _origin = origin;
        _queue = new SessionQueue(Math.Max(1, options.QueueCapacity));
        Counts = new SessionCounts(options.MaxBatch);
        ExpectedRate = options.ExpectedRate;
        Order = Interlocked.Increment(ref _sessions);
        _nextId = Order << OrderShift;
    }

    /// <summary>Unique among all sessions; who needs the locks of several takes them in this order.</summary>
    public long Order { get; }

    /// <summary>Guards the queue; taken by a group of sessions that share batches.</summary>
    public Lock Gate => _lock;

    /// <summary>Guarded by <see cref="Gate"/>.</summary>
    public SessionQueue Queue => _queue;

    public LiveSessionOptions Options { get; }

    public string Name => Options.Name;

    public SessionCounts Counts { get; }

    /// <summary>Rows per second that the session is promised.</summary>
    public double ExpectedRate { get; set; }

    private ArrivalRate Rate { get; } = new();

    /// <summary>Called when a request came and no device serves the session.</summary>
    public Action<LiveSession>? OnUnserved { get; set; }

    /// <summary>Takes requests that cannot be answered within the objective; null: they are given up.</summary>
    public LiveSession? Late { get; init; }

    /// <summary>Why the plan serves only part of the expected load; null when it serves all.</summary>
    public string? Shortage { get; set; }

    public TimeSpan Now => _clock.GetElapsedTime(_origin);

    public int Depth
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>A request waits, and no device that will take it.</summary>
    public bool IsUnserved =>
        Array.TrueForAll(_seats, static seat => seat.Resident.IsLeaving) && TryPeek(out _, out _);

    /// <summary>The devices that serve the session, the first to be asked first.</summary>
    public IReadOnlyList<LaneSeat> Seats => _seats;

    /// <summary>Rows per second that came lately, smoothed over about ten seconds.</summary>
    public double SmoothedRate
    {
        get
        {
            lock (_lock)
            {
                return Rate.Smoothed;
            }
        }
    }

    /// <summary>What to plan for: the expected rate, or the measured one where that is more.</summary>
    public PlannedLoad Load
    {
        get
        {
            var measured = Math.Max(PlannedLoad.LeastRate, SmoothedRate);
            var rate = Math.Max(ExpectedRate, measured);
            return new PlannedLoad(
                new SessionSpec(Name, Options.Model, Options.Objective!.Value, rate)
                {
                    Pinned = [.. Options.Pinned.Select(device => $"{device}-0")],
                },
                ExpectedRate > 0 ? ExpectedRate : PlannedLoad.LeastRate);
        }
    }

    /// <summary>Rows that one request brings on average.</summary>
    public double RowsEach
    {
        get
        {
            lock (_lock)
            {
                return Rate.RowsEach;
            }
        }
    }

    /// <summary>Rows per second of the last reading alone.</summary>
    public double RecentRate
    {
        get
        {
            lock (_lock)
            {
                return Rate.Recent;
            }
        }
    }

    /// <summary>Rows per second that were answered in time, of the last seconds.</summary>
    public double Goodput { get; private set; }

    /// <summary>Called about once a second.</summary>
    public void ReadRate()
    {
        lock (_lock)
        {
            var now = Now;
            var elapsed = (now - _readAt).TotalSeconds;
            var good = Counts.GoodRows;
            if (elapsed > 0)
            {
                Goodput += (1 - Math.Exp(-elapsed / GoodputMemory)) * (((good - _goodRead) / elapsed) - Goodput);
            }

            (_readAt, _goodRead) = (now, good);
            Rate.Read(now);
        }
    }

    /// <summary>Sets who serves the session; requests that wait stay and are served by the new ones.</summary>
    public void Serve(LaneSeat[] seats)
    {
        _seats = seats;
        Wake();
    }

    /// <summary>Whether the request is one of this session's.</summary>
    public bool Owns(long request) => request >> OrderShift == Order;

    /// <summary>A request that was taken from the queue is given up.</summary>
    public void Drop_NeedsLock(in QueuedRequest dropped)
    {
        _waiting.Remove(dropped.Id, out var live);
        Drop_NeedsLock(live!);
    }

    /// <summary>
    /// A request that was taken from the queue joins the batch, or goes back where its rows do not fit any more.
    /// </summary>
    public void Start_NeedsLock(in QueuedRequest taken, LiveBatch batch, (DeviceLane Lane, int Member, int Most) place)
    {
        var live = _waiting[taken.Id];
        if (batch.Count > 0 && (batch.Rows + live.Rows > place.Most ||
            batch.RowsFor(place.Member) + live.Rows > Options.MaxBatch))
        {
            // What was just taken out always finds room again.
            _queue.TryEnqueue(taken);
            return;
        }

        _waiting.Remove(taken.Id);
        (live.Where, live.Lane, live.Member) = (LiveRequest.Stage.Running, place.Lane, place.Member);
        batch.Add(live);
    }

    /// <summary>The request's batch ended, and it gets its answer.</summary>
    public void End(LiveRequest live, LiveBatch batch, InferenceOutcome outcome, TimeSpan started)
    {
        lock (_lock)
        {
            var now = Now;
            var left = now >= live.Deadline ? InferenceStatus.Late : InferenceStatus.Cancelled;
            var status = live.HasLeft ? left : outcome.Status;
            Counts.End(status, now <= live.Deadline, live.Rows);
            live.End(status, outcome.Reason, new InferenceTiming
            {
                Queued = started - live.Entered,
                BatchSize = batch.Rows,
                IsCountedElsewhere = status == InferenceStatus.Completed && !batch.TryCount(live.Member),
            });
        }
    }

    /// <summary>The request's batch failed for another's sake: it waits for the lane to run it alone.</summary>
    public void SetApart(LiveRequest live)
    {
        lock (_lock)
        {
            live.Where = LiveRequest.Stage.Apart;
        }
    }

    /// <summary>
    /// The request is the next batch by itself; false when its client has left or it can no longer end in time.
    /// </summary>
    public bool TryRestart(LiveRequest live, LiveBatch batch, BatchProfile profile)
    {
        lock (_lock)
        {
            if (live.HasLeft)
            {
                Leave_NeedsLock(live);
                return false;
            }

            if (Now + profile.LatencyOf(live.Rows) > live.Deadline)
            {
                Drop_NeedsLock(live);
                return false;
            }

            live.Where = LiveRequest.Stage.Running;
            batch.Add(live);
            Counts.Batch(live.Rows);
            return true;
        }
    }

    /// <summary>Whether requests wait, and for the first of them: its deadline, and how many rows there are.</summary>
    public bool TryPeek(out TimeSpan deadline, out int waiting)
    {
        lock (_lock)
        {
            var has = _queue.TryPeek(out var first);
            (deadline, waiting) = (first.Deadline, _queue.Rows);
            return has;
        }
    }

    public void GiveUp(LiveRequest live)
    {
        CancellationTokenSource? stopped = null;
        lock (_lock)
        {
            switch (live.Where)
            {
                case LiveRequest.Stage.Queued:
                    _queue.Remove(live.Id);
                    _waiting.Remove(live.Id);
                    Leave_NeedsLock(live);
                    break;
                case LiveRequest.Stage.Running:
                    live.HasLeft = true;
                    stopped = live.Lane!.OnLeft();
                    break;
                case LiveRequest.Stage.Apart:
                    live.HasLeft = true;
                    break;
            }
        }

        stopped?.Cancel();
    }

    /// <summary>The request cannot be answered in time.</summary>
    private void Drop_NeedsLock(LiveRequest live)
    {
        live.IsDeferred = live.MayDefer;
        if (live.IsDeferred)
        {
            Counts.Defer();
        }
        else
        {
            Counts.Drop();
        }

        live.End(InferenceStatus.Late, LaneSeat.WhyLate(live));
    }

    /// <summary>Who leaves at the deadline leaves because of it.</summary>
    private void Leave_NeedsLock(LiveRequest live)
    {
        if (Now >= live.Deadline)
        {
            Counts.Drop();
            live.End(InferenceStatus.Late, $"the deadline passed in the queue of session '{Name}'");
        }
        else
        {
            Counts.End(InferenceStatus.Cancelled, false);
            live.End(InferenceStatus.Cancelled);
        }
    }

    public void Return(LiveRequest live)
    {
        lock (_lock)
        {
            if (_free.Count < Options.QueueCapacity + Options.MaxBatch)
            {
                live.Shrink();
                _free.Push(live);
            }
        }
    }

    /// <summary>Ends everything that waits: the server stops or the model goes.</summary>
    public void Abandon(string reason)
    {
        lock (_lock)
        {
            while (_queue.TryDequeue(out var waiting))
            {
                _waiting.Remove(waiting.Id, out var live);
                Counts.End(InferenceStatus.Cancelled, false);
                live!.End(InferenceStatus.Cancelled, reason);
            }
        }
    }

    /// <summary>Offers what waits to the devices.</summary>
    public void Wake()
    {
        foreach (var seat in _seats)
        {
            if (!TryPeek(out _, out _))
            {
                return;
            }

            seat.Lane.TryAdvance();
        }

        if (IsUnserved)
        {
            OnUnserved?.Invoke(this);
        }
    }
}
