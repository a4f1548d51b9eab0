namespace Atoll;

/// <summary>`bench prefix`: variants of one backbone apart and through their common prefix, same requests.</summary>
internal sealed record PrefixReport
{
    public required string Machine { get; init; }

    public required string Model { get; init; }

    public required int Variants { get; init; }

    public required int Units { get; init; }

    public required int Repetitions { get; init; }

    /// <summary>Nodes of the prefix, and of one whole model.</summary>
    public required int PrefixNodes { get; init; }

    public required int ModelNodes { get; init; }

    /// <summary>Seconds that fingerprinting and cutting took for all variants.</summary>
    public required double SearchSeconds { get; init; }

    /// <summary>Growth of the process's resident memory with all variants loaded and run once, MB.</summary>
    public required double ApartMb { get; init; }

    public required double SharedMb { get; init; }

    /// <summary>Largest absolute difference of an output between the two ways, over the largest output.</summary>
    public required double MaxRelativeError { get; init; }

    public required IReadOnlyList<PrefixRow> Rows { get; init; }
}

/// <summary>`bench prefix --serving`: the same through the sessions of a server.</summary>
internal sealed record PrefixServingReport
{
    public required string Machine { get; init; }

    public required string Model { get; init; }

    public required int Variants { get; init; }

    public required int Units { get; init; }

    public required int Repetitions { get; init; }

    /// <summary>Growth of the process's resident memory with all variants served, MB.</summary>
    public required double ApartMb { get; init; }

    public required double SharedMb { get; init; }

    /// <summary>Largest absolute difference of an output between the two ways, over the largest output.</summary>
    public required double MaxRelativeError { get; init; }

    public required IReadOnlyList<PrefixRow> Rows { get; init; }
}

/// <summary>Rounds in which each variant gets the same number of requests: medians over interleaved rounds.</summary>
internal sealed record PrefixRow
{
    /// <summary>Requests per variant and round: what one batch holds when the variants run apart.</summary>
    public required int RequestsPerVariant { get; init; }

    /// <summary>Requests per second when each variant runs its own batch, one after another.</summary>
    public required double ApartRps { get; init; }

    /// <summary>Requests per second when all pass the prefix in one batch and each variant's suffix follows.</summary>
    public required double SharedRps { get; init; }

    public required double Gain { get; init; }
}
