namespace Atoll.Models;

/// <summary>
/// A model that may share its beginning with others: its graph as read, with shapes inferred and not yet fused, and the
/// cost of each computation in it. Made once per model, since it hashes all weights. Immutable.
/// </summary>
public sealed class PrefixCandidate
{
    public PrefixCandidate(Graph graph)
    {
        (Graph, Prints) = (graph, GraphFingerprints.Of(graph));
        foreach (var node in graph.Nodes.Where(node => node.Outputs is [not null, ..] && !IsRandom(node)))
        {
            Cost.TryAdd(Prints[node.Outputs[0]!], NodeCost.Of(node));
        }
    }

    public Graph Graph { get; }

    internal GraphFingerprints Prints { get; }

    /// <summary>By fingerprint of the node's first output.</summary>
    internal Dictionary<string, double> Cost { get; } = [];

    /// <summary>The part, 0 to 1, of the model's cost that these computations are.</summary>
    internal double ShareOf(IReadOnlySet<string> computations)
    {
        var all = Cost.Values.Sum();
        return all == 0 ? 0 : computations.Sum(print => Cost.GetValueOrDefault(print)) / all;
    }

    private static bool IsRandom(GraphNode node) =>
        node.Operator.StartsWith("Random", StringComparison.Ordinal) ||
        node.Operator is "Bernoulli" or "Multinomial" or "Dropout";
}
