namespace Atoll.Models;

/// <summary>
/// What was made: where it lies, its size and, for a model that was fitted, how well it does on data it has not seen.
/// </summary>
public sealed record SampleModelReport
{
    public required string Name { get; init; }

    public required string Path { get; init; }

    public required string Architecture { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Trained values as publications count them: without batch-norm statistics.</summary>
    public required long Parameters { get; init; }

    public required int Nodes { get; init; }

    public required SampleModelOptions Options { get; init; }

    /// <summary>Share of held-out items that are classified correctly; null for models with random weights.</summary>
    public double? HeldOutAccuracy { get; init; }
}
