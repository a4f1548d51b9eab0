namespace Atoll.Models;

/// <summary>
/// The computation that several models have in common, to be run once for requests of all of them, and what each of
/// them adds.
/// </summary>
/// <param name="Graph">From the models' inputs to the values where they part; its outputs are those values.</param>
/// <param name="Members">The models, in ascending order of <see cref="PrefixMember.Model"/>.</param>
public sealed record SharedPrefix(Graph Graph, IReadOnlyList<PrefixMember> Members)
{
    /// <summary>SHA-256 of what the prefix computes, in hexadecimal digits: equal prefixes have equal ones.</summary>
    public string Fingerprint { get; init; } = "";
}

/// <summary>One model of a <see cref="SharedPrefix"/>.</summary>
/// <param name="Model">Its index in the list that was searched.</param>
/// <param name="Suffix">From values of the prefix, and from inputs of the model, to the model's outputs.</param>
/// <param name="Sources">Where each input of the suffix comes from.</param>
public sealed record PrefixMember(int Model, Graph Suffix, IReadOnlyList<SuffixSource> Sources)
{
    /// <summary>The part of the model's weights and work, 0 to 1, that the prefix holds.</summary>
    public double Share { get; init; }

    /// <summary>SHA-256 of what the suffix computes from which sources, in hexadecimal digits.</summary>
    public string Fingerprint { get; init; } = "";
}

/// <summary>
/// An input of a suffix: the output of the prefix with this index, or else the model's own input with this index.
/// </summary>
public readonly record struct SuffixSource(bool IsPrefixOutput, int Index);
