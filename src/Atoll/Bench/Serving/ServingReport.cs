namespace Atoll;

/// <summary>What `atoll bench serving` prints as JSON.</summary>
internal sealed record ServingReport
{
    public required string Machine { get; init; }

    public required string Path { get; init; }

    public required IReadOnlyList<string> Devices { get; init; }

    public required double PhaseSeconds { get; init; }

    /// <summary>Requests per second of all loads together that the plan carries.</summary>
    public required double PlannedRps { get; init; }

    public required IReadOnlyList<ServingProfileRow> Profiles { get; init; }

    public required IReadOnlyList<ServingPhaseReport> Phases { get; init; }

    public required ServingCancelReport Cancel { get; init; }

    /// <summary>The targets that were missed; empty when all were met.</summary>
    public required IReadOnlyList<string> Missed { get; init; }
}

/// <summary>Planned time of a batch on a device, as measured while server and load generator ran.</summary>
internal sealed record ServingProfileRow(string Model, string Device, int Batch, double MeanMs, double DeviationMs);

/// <summary>One load level.</summary>
internal sealed record ServingPhaseReport
{
    public required double LoadShare { get; init; }

    public required double OfferedRps { get; init; }

    public required double GoodputRps { get; init; }

    /// <summary>Answered within the objective, of all that were sent.</summary>
    public required double InObjectiveShare { get; init; }

    public required double GoodputOfPlanned { get; init; }

    public required IReadOnlyList<ServingLoadRow> Loads { get; init; }

    /// <summary>The seconds with the most requests outside their objective, worst first, 10 at most.</summary>
    public required IReadOnlyList<ServingSecond> WorstSeconds { get; init; }

    /// <summary>Median over all seconds of the CPU time that others took, for comparison with the worst.</summary>
    public required double OthersMedianMs { get; init; }
}

/// <summary>
/// Requests that were due in one second of a phase, and the CPU time, over all CPUs, that others took in it.
/// </summary>
internal sealed record ServingSecond(int Second, int Sent, int Good, double OthersMs);

/// <summary>One session or query at one load level. Latency runs from the time at which the request was due.</summary>
internal sealed record ServingLoadRow
{
    public required string Name { get; init; }

    public required double ObjectiveMs { get; init; }

    public required double PlannedRps { get; init; }

    public required int Sent { get; init; }

    public required int Good { get; init; }

    public required int Late { get; init; }

    public required int Dropped { get; init; }

    public required int Refused { get; init; }

    public required int Failed { get; init; }

    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }

    public required double MeanBatch { get; init; }

    /// <summary>The first reason that a refused or dropped request was given; empty when none was.</summary>
    public required string Reason { get; init; }
}

/// <summary>Many clients that leave at once.</summary>
internal sealed record ServingCancelReport(int Sent, int Cancelled, double FreedMs, double NextMs, double AloneMs);
