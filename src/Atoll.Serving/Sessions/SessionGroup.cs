using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// Sessions whose requests may run in one batch: one session alone, or sessions of models that share a prefix. Each
/// keeps its own queue and counts; the group takes from all of them by deadline. Its sessions never change;
/// thread-safe.
/// </summary>
internal sealed class SessionGroup
{
    /// <summary>A batch that waits is started this part of the objective before its last moment.</summary>
    private const double DeferralPart = 0.05;

    /// <summary>After a loss no batch waits for so many objectives.</summary>
    private const int DeferralPause = 20;

    /// <summary>No less than this before its last moment: timers may be so late.</summary>
    private static readonly TimeSpan TimerTick = TimeSpan.FromMilliseconds(5);

    private readonly DeferredRule? _deferral;
    private readonly LiveSession[] _sessions;
    private readonly LiveSession[] _byOrder;
    private readonly int[] _members;
    private readonly IRequestQueue _queue;
    private long _notBefore;
    private long _eagerUntil;

    /// <param name="name">Names it in plans.</param>
    /// <param name="model">Name of what devices load for it.</param>
    /// <param name="sessions">At least one, of one class; with the position of its model in the replica.</param>
    public SessionGroup(string name, string model, IReadOnlyList<(LiveSession Session, int Member)> sessions)
    {
        (Name, Model) = (name, model);
        _sessions = [.. sessions.Select(pair => pair.Session)];
        _members = [.. sessions.Select(pair => pair.Member)];
        _byOrder = [.. _sessions.OrderBy(session => session.Order)];
        _queue = _sessions.Length == 1
            ? _sessions[0].Queue
            : new MergedQueue([.. _sessions.Select(session => session.Queue)]);
        Class = _sessions[0].Options.Class;
        IsPlanned = Array.TrueForAll(_sessions, session => session.Options.IsPlanned);
        Objective = _sessions.Min(session => session.Options.Objective);
        MaxRows = _sessions.Max(session => session.Options.MaxBatch);
        if (Objective is { } objective && Array.TrueForAll(_sessions, session => session.Options.DefersBatches))
        {
            DeferralMargin = objective * DeferralPart > TimerTick ? objective * DeferralPart : TimerTick;
            _deferral = new DeferredRule(BatchProfile.BatchLimit, DeferralMargin);
        }
    }

    public string Name { get; }

    public string Model { get; }

    public IReadOnlyList<LiveSession> Sessions => _sessions;

    public WorkClass Class { get; }

    public bool IsPlanned { get; }

    /// <summary>The shortest of the sessions' objectives.</summary>
    public TimeSpan? Objective { get; }

    /// <summary>Rows that one batch may have.</summary>
    public int MaxRows { get; }

    /// <summary>How much before its last moment a batch that waits is started.</summary>
    public TimeSpan DeferralMargin { get; }

    /// <summary>What waits is to be left alone until then, if nothing comes before; in the past: it is ready.</summary>
    public TimeSpan NotBefore => TimeSpan.FromTicks(Volatile.Read(ref _notBefore));

    /// <summary>What to plan for: the rates of all, within the shortest objective.</summary>
    public PlannedLoad Load
    {
        get
        {
            var loads = Array.ConvertAll(_sessions, session => session.Load);
            return new PlannedLoad(
                loads[0].Session with
                {
                    Name = Name, Model = Model, Objective = Objective!.Value, Rate = loads.Sum(l => l.Session.Rate),
                },
                loads.Sum(load => load.PromisedRate));
        }
    }

    /// <summary>Rows that wait, read without a lock: one that comes or goes meanwhile may be missed.</summary>
    public int Waiting
    {
        get
        {
            var waiting = 0;
            foreach (var session in _sessions)
            {
                waiting += session.Queue.Rows;
            }

            return waiting;
        }
    }

    /// <summary>Whether a batch may wait now, where that delays nobody.</summary>
    public bool MayDefer(TimeSpan now) =>
        _deferral is not null && now.Ticks >= Volatile.Read(ref _eagerUntil);

    /// <summary>A request came: whether the others may wait on is to be looked at again.</summary>
    public void LookAgain_NeedsLock() => Volatile.Write(ref _notBefore, 0);

    /// <summary>Offers what waits to all devices.</summary>
    public void Wake() => _sessions[0].Wake();

    /// <summary>A session by itself.</summary>
    public static SessionGroup Of(LiveSession session) => new(session.Name, session.Options.Model, [(session, 0)]);

    /// <summary>Whether both have the same sessions.</summary>
    public bool IsSame(SessionGroup other) => Name == other.Name && _sessions.SequenceEqual(other._sessions);

    /// <summary>Whether requests wait, and for the first of them: its deadline, and how many rows there are.</summary>
    public bool TryPeek(out TimeSpan deadline, out int waiting)
    {
        (deadline, waiting) = (TimeSpan.MaxValue, 0);
        foreach (var session in _sessions)
        {
            if (session.TryPeek(out var first, out var count))
            {
                deadline = first < deadline ? first : deadline;
                waiting += count;
            }
        }

        return waiting > 0;
    }

    /// <summary>
    /// Moves a batch for the seat out of the queues; those that the seat's rule gives up end here. False when nothing
    /// is to run.
    /// </summary>
    /// <param name="defers">The batch may wait for its last moment.</param>
    public bool TryTake(LaneSeat seat, LiveBatch batch, BatchTake take, bool defers)
    {
        // In one order everywhere, so that two lanes cannot wait for each other.
        foreach (var session in _byOrder)
        {
            session.Gate.Enter();
        }

        try
        {
            batch.Clear();
            var now = _sessions[0].Now;
            (defers ? _deferral! : seat.Rule).Take(_queue, now, seat.Profile.ForDispatch, take);
            Volatile.Write(ref _notBefore, take.Batch.Count == 0 && take.WakeAt is { } wake ? wake.Ticks : 0);
            if (take.Dropped.Count > 0 && Objective is { } objective)
            {
                Volatile.Write(ref _eagerUntil, (now + (DeferralPause * objective)).Ticks);
            }

            foreach (var dropped in take.Dropped)
            {
                SessionOf(dropped).Drop_NeedsLock(dropped);
            }

            var most = seat.MaxRows;
            foreach (var taken in take.Batch)
            {
                var session = SessionOf(taken);
                session.Start_NeedsLock(taken, batch, (seat.Lane, MemberOf(session), most));
            }

            Count(batch);
        }
        finally
        {
            foreach (var session in _byOrder)
            {
                session.Gate.Exit();
            }
        }

        return batch.Count > 0;
    }

    /// <summary>
    /// Rows of the other sessions that are certain to go before a deadline: of queues without a later one. Read without
    /// a lock.
    /// </summary>
    public int OthersUntil(LiveSession own, TimeSpan deadline)
    {
        var rows = 0;
        foreach (var session in _sessions)
        {
            var waiting = session.Queue.Rows;
            rows += session != own && session.Queue.LatestDeadline <= deadline ? waiting : 0;
        }

        return rows;
    }

    private void Count(LiveBatch batch)
    {
        for (var i = 0; i < _sessions.Length; i++)
        {
            var rows = 0;
            foreach (var live in batch.Requests)
            {
                rows += live.Session == _sessions[i] ? live.Rows : 0;
            }

            if (rows > 0)
            {
                _sessions[i].Counts.Batch(rows);
            }
        }
    }

    private LiveSession SessionOf(in QueuedRequest request)
    {
        foreach (var session in _sessions)
        {
            if (session.Owns(request.Id))
            {
                return session;
            }
        }

        throw new InvalidOperationException($"request {request.Id} is of no session of group '{Name}'");
    }

    private int MemberOf(LiveSession session) => _members[Array.IndexOf(_sessions, session)];
}
