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
    public static IReadOnlyList<SharedPrefix> Find(IReadOnlyList<Graph> graphs, double leastShare = 0.25) =>
        Find([.. graphs.Select(graph => new PrefixCandidate(graph))], leastShare);

    /// <summary>The same for models whose fingerprints are known already; members are indices of the list.</summary>
    public static IReadOnlyList<SharedPrefix> Find(
        IReadOnlyList<PrefixCandidate> candidates, double leastShare = 0.25)
    {
        var models = candidates.Index().ToList();
        var groups = new List<SharedPrefix>();
        while (Best(models, leastShare) is { } best)
        {
            groups.Add(PrefixCut.Split(best.Members, best.Common));
            models.RemoveAll(best.Members.Contains);
        }

        return groups;
    }

    /// <summary>
    /// The models that share a computation form few distinct sets, since computations nest: each set is tried with all
    /// that its models have in common.
    /// </summary>
    private static (List<(int Index, PrefixCandidate Model)> Members, HashSet<string> Common)? Best(
        List<(int Index, PrefixCandidate Model)> models, double leastShare)
    {
        var sharers = new Dictionary<string, List<(int Index, PrefixCandidate Model)>>();
        foreach (var model in models)
        {
            foreach (var print in model.Model.Cost.Keys)
            {
                if (!sharers.TryGetValue(print, out var list))
                {
                    sharers.Add(print, list = []);
                }

                list.Add(model);
            }
        }

        (List<(int Index, PrefixCandidate Model)> Members, HashSet<string> Common)? best = null;
        var mostSaved = 0.0;
        foreach (var set in sharers.Values.Where(list => list.Count > 1)
            .DistinctBy(list => string.Join(',', list.Select(model => model.Index))))
        {
            var common = sharers.Where(s => set.TrueForAll(s.Value.Contains)).Select(s => s.Key).ToHashSet();
            var saved = (set.Count - 1) * common.Sum(print => set[0].Model.Cost[print]);
            if (saved > mostSaved && set.TrueForAll(model => model.Model.ShareOf(common) >= leastShare))
            {
                (best, mostSaved) = ((set, common), saved);
            }
        }

        return best;
    }
}
