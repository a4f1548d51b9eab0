namespace Atoll.Serving;

/// <summary>When the plan of a cluster is made anew.</summary>
public sealed record EpochOptions
{
    /// <summary>A new plan at least this often.</summary>
    public TimeSpan Period { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How often rates are looked at for a change of workload.</summary>
    public TimeSpan Check { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A plan at once when a session's rate is above its planned rate by this factor ...</summary>
    public double Rise { get; init; } = 1.1;

    /// <summary>... or the whole load's is below by this factor.</summary>
    public double Fall { get; init; } = 0.7;

    /// <summary>Planned rates are the observed ones times this.</summary>
    public double Headroom { get; init; } = 1.1;

    /// <summary>No two plans closer than this.</summary>
    public TimeSpan Rest { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From a new plan until devices have loaded what it adds.</summary>
    public TimeSpan Loading { get; init; } = TimeSpan.FromMilliseconds(500);
}
