namespace Atoll.Serving;

/// <summary>One query on its way through a <see cref="SimulatedPipeline"/>.</summary>
/// <param name="Pipeline">Which pipeline.</param>
/// <param name="Arrival">When the query came.</param>
internal sealed record QueryRun(SimulatedPipeline Pipeline, TimeSpan Arrival)
{
    /// <summary>Requests of any stage that have not ended, with their sessions.</summary>
    public List<(int Session, long Id)> Open { get; } = [];

    /// <summary>A request was dropped or late: the rest of the query is worth nothing.</summary>
    public bool HasFailed { get; set; }

    /// <summary>How the failed query is counted.</summary>
    public RequestOutcome Failure { get; set; } = RequestOutcome.Dropped;
}
