namespace Atoll.Simulation;

/// <summary>
/// Virtual time: actions run one after another in order of time, and time jumps from one to the next. Events of one
/// instant run by phase, then in order of scheduling, or shuffled by a seed to try other interleavings. The same
/// calls with the same seed give the same run. Not thread-safe.
/// </summary>
public sealed class EventQueue
{
    private readonly PriorityQueue<ScheduledEvent, (long At, int Phase, long Tie)> _events = new();
    private readonly Random? _shuffle;
    private long _scheduled;

    /// <param name="shuffleSeed">Null: events of one instant and phase run in order of scheduling.</param>
    public EventQueue(int? shuffleSeed = null)
    {
        _shuffle = shuffleSeed is { } seed ? new Random(seed) : null;
        Clock = new VirtualClock(this);
    }

    /// <summary>The clock whose timers run on this queue.</summary>
    public VirtualClock Clock { get; }

    /// <summary>Virtual nanoseconds since the start.</summary>
    public long Now { get; private set; }

    /// <summary>Events that have run.</summary>
    public long Ran { get; private set; }

    /// <summary>Schedules an action; a time in the past means now.</summary>
    /// <param name="at">Virtual nanoseconds since the start.</param>
    /// <param name="action">Runs on the thread that drives the queue; may schedule further events.</param>
    /// <param name="phase">Among events of one instant smaller phases run first.</param>
    public ScheduledEvent Schedule(long at, Action action, int phase = 0)
    {
        ArgumentNullException.ThrowIfNull(action);
        var scheduled = new ScheduledEvent(Math.Max(at, Now), action);
        var tie = _shuffle?.NextInt64() ?? _scheduled;
        _scheduled++;
        _events.Enqueue(scheduled, (scheduled.At, phase, tie));
        return scheduled;
    }

    /// <summary>Schedules an action after a span of virtual time.</summary>
    public ScheduledEvent After(TimeSpan delay, Action action) =>
        Schedule(Now + VirtualClock.Nanoseconds(delay), action);

    /// <summary>Runs the next event, if it is due by <paramref name="until"/>; false when there was none.</summary>
    public bool Step(long until = long.MaxValue)
    {
        while (_events.TryPeek(out var next, out _) && next.At <= until)
        {
            _events.Dequeue();
            if (next.Take() is { } action)
            {
                Now = next.At;
                Ran++;
                action();
                return true;
            }
        }

        return false;
    }

    /// <summary>Runs events until none is left, or <paramref name="eventsMax"/> have run.</summary>
    /// <exception cref="InvalidOperationException">More events than the limit: the simulation does not come to
    /// rest.</exception>
    public void RunUntilIdle(long eventsMax = long.MaxValue)
    {
        for (long ran = 0; Step(); ran++)
        {
            if (ran >= eventsMax)
            {
                throw new InvalidOperationException($"simulation is not idle after {eventsMax} events, at {Now} ns");
            }
        }
    }

    /// <summary>Runs all events of a span of virtual time, and lets the clock stand at its end.</summary>
    public void RunFor(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        AdvanceTo(Now + VirtualClock.Nanoseconds(span));
    }

    /// <summary>Runs all events up to a virtual time, and lets the clock stand there.</summary>
    public void AdvanceTo(long until)
    {
        while (Step(until))
        {
        }

        Now = Math.Max(Now, until);
    }
}
