namespace Atoll.Models;

/// <summary>
/// Finds models that begin with the same computation, by fingerprints of their sub-graphs and weights. Nothing has to
/// be declared by hand (Nexus, SOSP'19, names prefixes by hashing sub-trees).
/// </summary>
public static class PrefixSearch
{
    /// <summary>
    /// Groups of models, largest saving first; a model is in one group at most. Prefixes that hold less than
    /// <paramref name="leastShare"/> of a model's weights and work are not worth a group.
    /// </summary>
    /// <param name="graphs">Models as read, shapes inferred, not yet fused.</param>
    /// <param name="leastShare">Smallest share, 0 to 1, of each member's cost that the prefix must hold.</param>
    public static IReadOnlyList<SharedPrefix> Find(IReadOnlyList<Graph> graphs, double leastShare = 0.25)
    {
        var models = graphs.Select((graph, index) => new Candidate(index, graph)).ToList();
        var groups = new List<SharedPrefix>();
        while (Best(models, leastShare) is { } best)
        {
            groups.Add(PrefixCut.Split([.. best.Members.Select(m => (m.Index, m.Graph, m.Prints))], best.Common));
            models.RemoveAll(best.Members.Contains);
        }

        return groups;
    }

    /// <summary>
    /// The models that share a computation form few distinct sets, since computations nest: each set is tried with all
    /// that its models have in common.
    /// </summary>
    private static (List<Candidate> Members, HashSet<string> Common)? Best(List<Candidate> models, double leastShare)
    {
        var sharers = new Dictionary<string, List<Candidate>>();
        foreach (var model in models)
        {
            foreach (var print in model.Cost.Keys)
            {
                if (!sharers.TryGetValue(print, out var list))
                {
                    sharers.Add(print, list = []);
                }

                list.Add(model);
            }
        }

        (List<Candidate> Members, HashSet<string> Common)? best = null;
        var mostSaved = 0.0;
        foreach (var set in sharers.Values.Where(list => list.Count > 1)
            .DistinctBy(list => string.Join(',', list.Select(model => model.Index))))
        {
            var common = sharers.Where(s => set.TrueForAll(s.Value.Contains)).Select(s => s.Key).ToHashSet();
            var saved = (set.Count - 1) * common.Sum(print => set[0].Cost[print]);
            if (saved > mostSaved && set.TrueForAll(model => model.ShareOf(common) >= leastShare))
            {
                (best, mostSaved) = ((set, common), saved);
            }
        }

        return best;
    }

    /// <summary>A model with the cost of each computation in it, by fingerprint of the node's first output.</summary>
    private sealed class Candidate
    {
        public Candidate(int index, Graph graph)
        {
            (Index, Graph, Prints) = (index, graph, GraphFingerprints.Of(graph));
            foreach (var node in graph.Nodes.Where(node => node.Outputs is [not null, ..] && !IsRandom(node)))
            {
                Cost.TryAdd(Prints[node.Outputs[0]!], CostOf(node));
            }
        }

        public int Index { get; }

        public Graph Graph { get; }

        public GraphFingerprints Prints { get; }

        public Dictionary<string, double> Cost { get; } = [];

        public double ShareOf(HashSet<string> common)
        {
            var all = Cost.Values.Sum();
            return all == 0 ? 0 : common.Sum(print => Cost.GetValueOrDefault(print)) / all;
        }

        /// <summary>
        /// Weights met per output position: a measure of work that needs no concrete batch. One more keeps nodes
        /// without weights above nothing.
        /// </summary>
        private static double CostOf(GraphNode node)
        {
            var weights = node.Inputs.Sum(input => input?.Constant?.ElementCount ?? 0);
            var positions = node.Operator == "Conv" && node.Outputs[0]!.Shape is { Length: > 2 } shape
                ? shape.Skip(2).Aggregate(1L, (count, dim) => count * Math.Max(1, dim))
                : 1;
            return 1 + ((double)weights * positions);
        }

        private static bool IsRandom(GraphNode node) =>
            node.Operator.StartsWith("Random", StringComparison.Ordinal) ||
            node.Operator is "Bernoulli" or "Multinomial" or "Dropout";
    }
}
