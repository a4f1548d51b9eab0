namespace Atoll;

/// <summary>The JSON form of `bench disb`.</summary>
internal sealed record DisbReport
{
    public required string Machine { get; init; }

    public required string Workload { get; init; }

    public required int Units { get; init; }

    public required int Repetitions { get; init; }

    public required double PhaseSeconds { get; init; }

    /// <summary>Published rates were multiplied by it.</summary>
    public required double RateFactor { get; init; }

    public required IReadOnlyList<DisbModelInfo> Models { get; init; }

    public required double RtAloneBusyShare { get; init; }

    public required double BeAloneRps { get; init; }

    public required IReadOnlyList<DisbRow> Rows { get; init; }
}

internal sealed record DisbModelInfo(string Model, double Width, double AloneMs);

/// <summary>One way of sharing the device: medians over interleaved repetitions.</summary>
internal sealed record DisbRow
{
    public required string Mode { get; init; }

    public required double RtAloneMeanMs { get; init; }

    public required double RtAloneP99Ms { get; init; }

    public required double RtMeanMs { get; init; }

    public required double RtP50Ms { get; init; }

    public required double RtP99Ms { get; init; }

    /// <summary>Loaded mean over alone mean, minus 1.</summary>
    public required double RtMeanIncrease { get; init; }

    public required double RtP99Increase { get; init; }

    /// <summary>The same between two alone runs: what the machine itself does.</summary>
    public required double NoiseMeanIncrease { get; init; }

    public required double NoiseP99Increase { get; init; }

    /// <summary>
    /// Mean of all loaded requests over the mean of all alone ones, minus 1: with many short repetitions the machine's
    /// drift between phases averages out, which the median of pairs keeps.
    /// </summary>
    public required double RtMeanIncreasePooled { get; init; }

    /// <summary>The same between the alone runs before and those after the loaded ones.</summary>
    public required double NoiseMeanIncreasePooled { get; init; }

    /// <summary>
    /// p99 of all loaded requests over p99 of all alone ones, minus 1: many short repetitions give it enough samples.
    /// </summary>
    public required double RtP99IncreasePooled { get; init; }

    /// <summary>The same between the alone runs before and those after the loaded ones.</summary>
    public required double NoiseP99IncreasePooled { get; init; }

    public required double RtRps { get; init; }

    public required double BeRps { get; init; }

    /// <summary>
    /// Best-effort work done, as a share of (1 - real-time busy share alone) times best-effort work alone.
    /// </summary>
    public required double BeShareOfLeftover { get; init; }

    public required double PreemptP50Us { get; init; }

    public required double PreemptP99Us { get; init; }

    /// <summary>Repeated blocks as a share of best-effort blocks.</summary>
    public required double RepeatedShare { get; init; }

    /// <summary>
    /// Best-effort unit time that passed while real-time work was on the device, as a share of all of it.
    /// </summary>
    public required double PaddingShare { get; init; }

    public required double SelectionNs { get; init; }
}
