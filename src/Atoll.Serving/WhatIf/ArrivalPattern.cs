namespace Atoll.Serving;

/// <summary>
/// The arrivals of all sessions: their kind, how the rate changes over time, and the parameters of bursts.
/// </summary>
public sealed record ArrivalPattern
{
    public static readonly ArrivalPattern Poisson = new();

    public ArrivalKind Kind { get; init; }

    /// <summary>Rate in the high state of bursty arrivals, as a multiple of the mean; above 1.</summary>
    public double BurstFactor { get; init; } = 2;

    /// <summary>Part of the time in the high state; with <see cref="BurstFactor"/> at most 1 in product.</summary>
    public double BurstShare { get; init; } = 0.2;

    /// <summary>Mean length of a burst.</summary>
    public TimeSpan BurstLength { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From each time on, all rates are multiplied by the factor; ascending.</summary>
    public IReadOnlyList<RateStep> Steps { get; init; } = [];

    /// <summary>
    /// Arrival times by session, for <see cref="ArrivalKind.Trace"/>; the session's rate scales them.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<TimeSpan>> Traces { get; init; } =
        new Dictionary<string, IReadOnlyList<TimeSpan>>();
}
