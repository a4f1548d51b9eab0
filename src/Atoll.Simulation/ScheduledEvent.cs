namespace Atoll.Simulation;

/// <summary>
/// An action that an <see cref="EventQueue"/> will run at a virtual time, unless it is cancelled before.
/// </summary>
public sealed class ScheduledEvent
{
    private Action? _action;

    internal ScheduledEvent(long at, Action action)
    {
        At = at;
        _action = action;
    }

    /// <summary>Virtual time in nanoseconds.</summary>
    public long At { get; }

    /// <summary>It has neither run nor been cancelled.</summary>
    public bool IsPending => _action is not null;

    /// <summary>Takes the event out of the queue; harmless when it has run.</summary>
    public void Cancel() => _action = null;

    internal Action? Take()
    {
        var action = _action;
        _action = null;
        return action;
    }
}
