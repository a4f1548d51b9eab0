namespace Atoll.Serving.Tests;

/// <summary>A clock that moves only when told, in microseconds; timers that come due fire inside Advance.</summary>
internal sealed class ManualClock : TimeProvider, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private readonly SemaphoreSlim _made = new(0);
    private long _now = 1;

    public override long TimestampFrequency => 1_000_000;

    /// <summary>How many timers wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count;
            }
        }
    }

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        _made.Release();
        return timer;
    }

    /// <summary>Returns when one more timer has been made.</summary>
    public Task TimerMadeAsync() => _made.WaitAsync(TestContext.Current.CancellationToken);

    public void Advance(long microseconds)
    {
        Timer[] due;
        lock (_lock)
        {
            Interlocked.Add(ref _now, microseconds);
            due = [.. _timers.Where(timer => timer.Due <= _now)];
            _timers.RemoveAll(due.Contains);
        }

        Array.ForEach(due, timer => timer.Fire());
    }

    public void Dispose() => _made.Dispose();

    /// <summary>Fires once: nothing here needs a period.</summary>
    private sealed class Timer(ManualClock clock, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock.GetTimestamp() + (long)dueTime.TotalMicroseconds;
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
