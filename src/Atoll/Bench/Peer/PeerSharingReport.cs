namespace Atoll;

/// <summary>The JSON form of `bench peer-sharing`.</summary>
internal sealed record PeerSharingReport
{
    public required string Machine { get; init; }

    public required string RealTimeModel { get; init; }

    public required string BestEffortModel { get; init; }

    public required double RatePerSecond { get; init; }

    public required int Repetitions { get; init; }

    public required IReadOnlyList<PeerSharingRow> Rows { get; init; }
}

/// <summary>One engine in one setting: medians over repetitions, p99 over the requests of all repetitions.</summary>
internal sealed record PeerSharingRow
{
    /// <summary>
    /// atoll, onnxruntime, or onnxruntime_idle (its best-effort process under SCHED_IDLE and nice 19).
    /// </summary>
    public required string Engine { get; init; }

    public required double RtAloneMeanMs { get; init; }

    public required double RtAloneP99Ms { get; init; }

    public required double RtMeanMs { get; init; }

    public required double RtP99Ms { get; init; }

    public required double RtMeanIncrease { get; init; }

    public required double RtP99Increase { get; init; }

    /// <summary>
    /// p99 of the alone phases after the shared ones over p99 of those before, minus 1, without sign.
    /// </summary>
    public required double NoiseP99Increase { get; init; }

    public required double BeAloneRps { get; init; }

    public required double BeRps { get; init; }

    /// <summary>Best-effort rate as a share of the engine's own rate without real-time work.</summary>
    public required double BeShareOfAlone { get; init; }
}
