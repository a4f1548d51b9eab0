namespace Atoll.Serving;

/// <summary>How a cluster is simulated.</summary>
public sealed record SimulationOptions
{
    public ArrivalPattern Arrivals { get; init; } = ArrivalPattern.Poisson;

    /// <summary>Requests that arrive within this time, after the warm-up, are counted.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Before this time nothing is counted.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Decides arrivals, fan-out and latency noise; the same seed gives the same run.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>True: execution times vary by the profile's deviation; false: they are the mean.</summary>
    public bool HasNoise { get; init; }

    /// <summary>Time on the network, taken from every objective.</summary>
    public TimeSpan Network { get; init; }

    /// <summary>Re-planning; null: one plan for the whole run.</summary>
    public EpochOptions? Epochs { get; init; }

    /// <summary>Query pipelines, whose stages are sessions of the load; their rates are the pipelines'.</summary>
    public IReadOnlyList<SimulatedPipeline> Pipelines { get; init; } = [];

    /// <summary>Measures the dispatcher's own time, if given.</summary>
    public TimeProvider? Clock { get; init; }
}
