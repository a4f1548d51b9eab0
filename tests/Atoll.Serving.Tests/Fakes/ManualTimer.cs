namespace Atoll.Serving.Tests;

/// <summary>System time, but periodic timers fire only when told.</summary>
internal sealed class ManualTimer : TimeProvider
{
    private readonly List<Periodic> _timers = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period == Timeout.InfiniteTimeSpan)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        var timer = new Periodic(() => callback(state));
        lock (_timers)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    /// <summary>Fires every periodic timer once.</summary>
    public void Tick()
    {
        lock (_timers)
        {
            _timers.ForEach(timer => timer.Fire());
        }
    }

    private sealed class Periodic(Action fire) : ITimer
    {
        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
