namespace Atoll.Serving;

/// <summary>What a simulation counted, from the end of its warm-up.</summary>
public sealed record SimulationOutcome
{
    public required TimeSpan Duration { get; init; }

    /// <summary>Requests of users: of sessions that are in no pipeline, and queries of pipelines.</summary>
    public required OutcomeCount Requests { get; init; }

    /// <summary>The same by name of session or pipeline.</summary>
    public required IReadOnlyDictionary<string, OutcomeCount> ByName { get; init; }

    /// <summary>Every second from the start, the warm-up included.</summary>
    public required IReadOnlyList<SimulationSecond> Seconds { get; init; }

    /// <summary>Mean number of devices that compute.</summary>
    public required double DevicesBusy { get; init; }

    /// <summary>Mean over seconds of devices that started a batch.</summary>
    public required double DevicesUsed { get; init; }

    /// <summary>Mean batch size.</summary>
    public required double MeanBatch { get; init; }

    /// <summary>Plans made, the first included.</summary>
    public required int Plans { get; init; }

    /// <summary>Processor time of the dispatcher per request; 0 when no clock was given.</summary>
    public required double DispatchMicroseconds { get; init; }

    /// <summary>Requests per second within their objective.</summary>
    public double Goodput => Requests.Good / Duration.TotalSeconds;
}
