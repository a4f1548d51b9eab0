namespace Atoll.Simulation;

/// <summary>
/// The time of an <see cref="EventQueue"/> as a <see cref="TimeProvider"/>: one tick is a nanosecond, and timers (so
/// also delays, cancellation and periodic timers made from it) fire when the queue reaches them.
/// </summary>
public sealed class VirtualClock : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly EventQueue _queue;

    internal VirtualClock(EventQueue queue) => _queue = queue;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => _queue.Now;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(_queue.Now / 100);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(_queue, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>A span in clock ticks.</summary>
    public static long Nanoseconds(TimeSpan span) => checked(span.Ticks * 100);

    private sealed class Timer(EventQueue queue, TimerCallback callback, object? state) : ITimer
    {
        private ScheduledEvent? _next;
        private TimeSpan _period;
        private bool _isDisposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_isDisposed)
            {
                return false;
            }

            _next?.Cancel();
            _period = period;
            _next = dueTime == Timeout.InfiniteTimeSpan ? null : queue.After(dueTime, Fire);
            return true;
        }

        public void Dispose()
        {
            _isDisposed = true;
            _next?.Cancel();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire()
        {
            _next = _period > TimeSpan.Zero ? queue.After(_period, Fire) : null;
            callback(state);
        }
    }
}
