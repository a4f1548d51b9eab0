using Atoll.Models;

namespace Atoll.Serving;

/// <summary>What models that share a prefix run: the prefix once for all rows of a batch, then a suffix each.</summary>
/// <param name="Prefix">From the models' inputs to the values where they part.</param>
/// <param name="Suffixes">By position of the model in its group.</param>
public sealed record PrefixPrograms(CompiledModel Prefix, IReadOnlyList<PrefixSuffix> Suffixes);

/// <summary>What one model adds to the prefix.</summary>
public sealed record PrefixSuffix
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>What the model answers.</summary>
    public required IReadOnlyList<TensorSpec> Outputs { get; init; }

    /// <summary>Null where the prefix makes all that the model answers.</summary>
    public required CompiledModel? Program { get; init; }

    /// <summary>Where each input of the program comes from.</summary>
    public required IReadOnlyList<SuffixSource> Sources { get; init; }

    /// <summary>The model's output that each output of the program is.</summary>
    public required IReadOnlyList<int> Computed { get; init; }

    /// <summary>Outputs of the model that are outputs of the prefix.</summary>
    public required IReadOnlyList<(int Output, int PrefixOutput)> Made { get; init; }

    /// <summary>Rows of this model that a batch may hold.</summary>
    public required int MaxBatch { get; init; }

    /// <summary>The part of the model's weights and work, 0 to 1, that the prefix holds.</summary>
    public required double Share { get; init; }
}
