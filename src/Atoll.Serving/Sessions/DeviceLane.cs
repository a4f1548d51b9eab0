using System.Runtime.CompilerServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Runs the batches of one class on one device, one after another and never idle while a session waits. Sessions within
/// their promised rate go first, among them the one whose first request must start soonest. The lane is owned by one
/// thread at a time: whoever sets it busy, then whoever is told that the batch ended. Running a batch allocates
/// nothing.
/// </summary>
internal sealed class DeviceLane : IDisposable
{
    /// <summary>Timers come a little early, and a replica that leaves cannot start what is due.</summary>
    private static readonly TimeSpan SoonestWake = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _clock;
    private readonly long _origin;
    private readonly LiveBatch _batch = new();
    private readonly BatchTake _take = new();
    private readonly PartedRun _parts = new();
    private readonly Queue<LiveRequest> _again = new();
    private readonly DeferralForecast _forecast = new();
    private readonly List<SessionGroup> _sharing = [];
    private ITimer? _timer;
    private long _busyUntil;
    private readonly Action _onEnded;
    private volatile LaneSeat[] _seats = [];
    private volatile CancellationTokenSource _cancellation = new();
    private volatile CancellationTokenSource? _stopped;
    private ValueTaskAwaiter<InferenceOutcome> _running;
    private LaneSeat? _current;
    private LaneSeat? _againSeat;
    private TimeSpan _startedAt;
    private long _busyTicks;
    private int _isBusy;

    public DeviceLane(string device, WorkClass workClass, TimeProvider clock, long origin)
    {
        (Device, Class, _clock, _origin) = (device, workClass, clock, origin);
        _onEnded = OnEnded;
    }

    public string Device { get; }

    public WorkClass Class { get; }

    public IReadOnlyList<LaneSeat> Seats => _seats;

    /// <summary>What the device counts its uses by, so that the replica that was used longest ago is known.</summary>
    public UseCount Uses { get; init; } = new();

    /// <summary>Time spent on batches since the start, gathering and scattering included.</summary>
    public TimeSpan Busy => TimeSpan.FromTicks(Interlocked.Read(ref _busyTicks));

    public void Serve(LaneSeat[] seats) => _seats = seats;

    /// <summary>
    /// Starts a batch if the lane is idle and one is there; true when the lane was idle and took one.
    /// </summary>
    public bool TryAdvance()
    {
        if (Interlocked.CompareExchange(ref _isBusy, 1, 0) != 0)
        {
            return false;
        }

        return Advance();
    }

    /// <summary>
    /// A client of the running batch left; when all have, what the caller is to cancel so that the batch stops. Called
    /// under the lock of the batch's session, which the caller gives up first: what follows may run inside and take
    /// locks of other sessions. The batch may end meanwhile, so no later one uses the same source.
    /// </summary>
    public CancellationTokenSource? OnLeft() => _batch.Leave() ? _stopped = _cancellation : null;

    public void Dispose()
    {
        _timer?.Dispose();
        _cancellation.Dispose();
    }

    private TimeSpan Now => _clock.GetElapsedTime(_origin);

    /// <summary>
    /// Runs batches until one has to be waited for, or none is left; then gives the lane up. True when any ran.
    /// </summary>
    private bool Advance()
    {
        var ran = false;
        while (true)
        {
            while (TryStart())
            {
                ran = true;
                if (!_running.IsCompleted)
                {
                    _running.UnsafeOnCompleted(_onEnded);
                    return true;
                }

                Finish();
            }

            WakeLater();

            // Given up with a full fence, and looked at once more: a request that came in between found the lane busy.
            Interlocked.Exchange(ref _isBusy, 0);
            if (!HasWaiting() || Interlocked.CompareExchange(ref _isBusy, 1, 0) != 0)
            {
                return ran;
            }
        }
    }

    private void OnEnded()
    {
        Finish();
        Advance();
    }

    private bool TryStart()
    {
        if (TryStartAgain())
        {
            return true;
        }

        while (Next() is { } seat)
        {
            if (!seat.Resident.TryHold())
            {
                // Its replica is being taken away, and the seat is not asked again.
                continue;
            }

            if (seat.Group.TryTake(seat, _batch, _take, CanDefer(seat)))
            {
                Start(seat);
                return true;
            }

            seat.Resident.Release();
        }

        return false;
    }

    /// <summary>Starts the next of the requests that are to run once more, each alone.</summary>
    private bool TryStartAgain()
    {
        while (_again.TryDequeue(out var live))
        {
            if (live.Session.TryRestart(live, _batch, _againSeat!.Profile.ForDispatch))
            {
                Start(_againSeat);
                return true;
            }
        }

        _againSeat?.Resident.Release();
        _againSeat = null;
        return false;
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA2012",
        Justification = "The awaiter is consumed once, in Finish: nothing is allocated to wait for it.")]
    private void Start(LaneSeat seat)
    {
        seat.Spend(_batch.Rows);
        seat.Resident.Touch(Uses);
        _batch.Class = Class;
        _batch.Priority = Class == WorkClass.RealTime ? 1 : _batch.Requests[0].Priority;
        _startedAt = Now;
        Volatile.Write(ref _busyUntil, (_startedAt + seat.Profile.ForDispatch.LatencyOf(_batch.Rows)).Ticks);
        if (_stopped == _cancellation || !_cancellation.TryReset())
        {
            _cancellation = new CancellationTokenSource();
        }

        _current = seat;
        try
        {
            var replica = seat.Resident.Replica;
            _running = IsParted(seat, out var most)
                ? _parts.RunAsync(replica, _batch, most, _cancellation.Token).GetAwaiter()
                : replica.RunAsync(_batch, _cancellation.Token).GetAwaiter();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _running = ValueTask.FromException<InferenceOutcome>(e).GetAwaiter();
        }

        if (_batch.HaveAllLeft)
        {
            _cancellation.Cancel();
        }
    }

    /// <summary>One request that has more rows than a program for it holds.</summary>
    private bool IsParted(LaneSeat seat, out int most)
    {
        most = Math.Min(seat.MaxRows, _batch.Requests[0].Session.Options.MaxBatch);
        return _batch.Count == 1 && _batch.Rows > most;
    }

    private void Finish()
    {
        var seat = _current!;
        InferenceOutcome outcome;
        try
        {
            outcome = _running.GetResult();
        }
        catch (ModelException e) when (e.Error == ModelError.InvalidShape)
        {
            outcome = new InferenceOutcome(InferenceStatus.Rejected, null, e.Message);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A fault of one batch must not take the lane down, whatever the backend threw.
            outcome = new InferenceOutcome(InferenceStatus.Failed, null, e.Message);
        }

        _current = null;
        Volatile.Write(ref _busyUntil, 0);
        var took = Now - _startedAt;
        Interlocked.Add(ref _busyTicks, took.Ticks);
        if (outcome.Status == InferenceStatus.Completed && !IsParted(seat, out _))
        {
            seat.Profile.Record(_batch.Rows, took);
            seat.Rule.Observe(_batch.Rows, took);
        }

        if (outcome.Status == InferenceStatus.Rejected && _batch.Count > 1)
        {
            Part(seat);
            return;
        }

        foreach (var live in _batch.Requests)
        {
            live.Session.End(live, _batch, outcome, _startedAt);
        }

        _batch.Clear();
        if (_againSeat is null)
        {
            seat.Resident.Release();
        }
    }

    /// <summary>
    /// The input of one request was wrong, and it is not known whose: each runs once more, alone, so that only that one
    /// is refused. The replica is held until all have run.
    /// </summary>
    private void Part(LaneSeat seat)
    {
        _againSeat = seat;
        foreach (var live in _batch.Requests)
        {
            live.Session.SetApart(live);
            _again.Enqueue(live);
        }

        _batch.Clear();
    }

    /// <summary>Whether the batch can wait on without delaying anybody on the devices that it may run on.</summary>
    private bool CanDefer(LaneSeat seat)
    {
        var now = Now;
        if (!seat.Group.MayDefer(now))
        {
            return false;
        }

        _forecast.Clear();
        _sharing.Clear();
        foreach (var place in seat.Group.Sessions[0].Seats)
        {
            var isOwn = place.Lane == this;
            _forecast.AddDevice(isOwn ? now : TimeSpan.FromTicks(Volatile.Read(ref place.Lane._busyUntil)), now);
            foreach (var other in place.Lane.Seats)
            {
                if (!_sharing.Exists(other.Group.IsSame) && other.Group.TryPeek(out var deadline, out var rows))
                {
                    _sharing.Add(other.Group);
                    _forecast.AddBatch(
                        (deadline, rows), other.Profile.ForDispatch, other.Group.DeferralMargin,
                        other.Group.IsSame(seat.Group));
                }
            }
        }

        return _forecast.CanWait();
    }

    /// <summary>Sees to it that what was left to wait is offered to the devices when its last moment comes.</summary>
    private void WakeLater()
    {
        var first = TimeSpan.MaxValue;
        foreach (var seat in _seats)
        {
            var wake = seat.Group.NotBefore;
            first = wake > TimeSpan.Zero && wake < first && seat.Group.TryPeek(out _, out _) ? wake : first;
        }

        if (first < TimeSpan.MaxValue)
        {
            _timer ??= _clock.CreateTimer(
                static lane => ((DeviceLane)lane!).WakeDue(), this, Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
            var left = first - Now;
            _timer.Change(left > SoonestWake ? left : SoonestWake, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Any device may start what is due: this one may have found other work meanwhile.</summary>
    private void WakeDue()
    {
        var now = Now;
        foreach (var seat in _seats)
        {
            if (seat.Group.NotBefore > TimeSpan.Zero && seat.Group.NotBefore <= now)
            {
                seat.Group.Wake();
            }
        }

        TryAdvance();
    }

    private bool HasWaiting()
    {
        foreach (var seat in _seats)
        {
            if (!seat.Resident.IsLeaving && seat.Group.TryPeek(out _, out _) && seat.Group.NotBefore <= Now)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The seat to run next; null when no session waits.</summary>
    private LaneSeat? Next()
    {
        LaneSeat? best = null;
        var (bestStart, bestHasCredit) = (TimeSpan.MaxValue, false);
        var now = Now;
        foreach (var seat in _seats)
        {
            if (seat.Resident.IsLeaving || !seat.Group.TryPeek(out var deadline, out var waiting) ||
                seat.Group.NotBefore > now)
            {
                continue;
            }

            var profile = seat.Profile.ForDispatch;
            var start = deadline - profile.Latency(Math.Min(Math.Min(waiting, seat.Batch), profile.MaxBatch));
            var hasCredit = seat.HasCredit(now, waiting);
            if (best is null || (hasCredit && !bestHasCredit) || (hasCredit == bestHasCredit && start < bestStart))
            {
                (best, bestStart, bestHasCredit) = (seat, start, hasCredit);
            }
        }

        return best;
    }
}
