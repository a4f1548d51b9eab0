namespace Atoll.Models;

/// <summary>Cuts models that share computations into one prefix and a suffix each.</summary>
internal static class PrefixCut
{
    /// <param name="models">Index and graph of each.</param>
    /// <param name="common">Fingerprints of the first outputs of the nodes that all of them have.</param>
    public static SharedPrefix Split(
        IReadOnlyList<(int Index, PrefixCandidate Model)> models, IReadOnlySet<string> common)
    {
        var cuts = new Dictionary<string, int>();
        foreach (var (_, model) in models)
        {
            foreach (var value in CrossingValues(model.Graph, node => IsCommon(node, model.Prints, common)))
            {
                cuts.TryAdd(model.Prints[value], cuts.Count);
            }
        }

        var first = models[0].Model;
        var prefix = PrefixOf(first.Graph, first.Prints, common, cuts);
        return new SharedPrefix(prefix, [.. models.Select(m =>
            Member(m.Index, m.Model.Graph, m.Model.Prints, common, cuts) with { Share = m.Model.ShareOf(common) })])
        {
            Fingerprint = GraphFingerprints.OfAll(cuts.OrderBy(cut => cut.Value).Select(cut => cut.Key)),
        };
    }

    private static bool IsCommon(GraphNode node, GraphFingerprints prints, IReadOnlySet<string> common) =>
        node.Outputs is [{ } first, ..] && common.Contains(prints[first]);

    /// <summary>Values made by common nodes that other nodes, or the caller, read.</summary>
    private static IEnumerable<GraphValue> CrossingValues(Graph graph, Func<GraphNode, bool> isCommon)
    {
        var read = graph.Nodes.Where(node => !isCommon(node)).SelectMany(node => node.Inputs).OfType<GraphValue>()
            .Concat(graph.Outputs).ToHashSet();
        return graph.Nodes.Where(isCommon).SelectMany(node => node.Outputs).OfType<GraphValue>()
            .Where(value => read.Contains(value) && !value.IsConstant);
    }

    private static Graph PrefixOf(
        Graph graph, GraphFingerprints prints, IReadOnlySet<string> common, Dictionary<string, int> cuts)
    {
        var copy = new SubgraphCopy(graph);
        var outputs = new GraphValue[cuts.Count];
        foreach (var node in graph.Nodes.Where(node => IsCommon(node, prints, common)))
        {
            copy.Add(node);
            foreach (var output in node.Outputs.OfType<GraphValue>())
            {
                if (cuts.TryGetValue(prints[output], out var cut))
                {
                    outputs[cut] ??= copy.Of(output);
                }
            }
        }

        return copy.Finish("prefix of " + graph.Name, graph.Inputs, outputs);
    }

    private static PrefixMember Member(
        int index, Graph graph, GraphFingerprints prints, IReadOnlySet<string> common, Dictionary<string, int> cuts)
    {
        var copy = new SubgraphCopy(graph);
        var inputs = new List<GraphValue>();
        var sources = new List<SuffixSource>();
        foreach (var value in CrossingValues(graph, node => IsCommon(node, prints, common)).DistinctBy(v => prints[v]))
        {
            inputs.Add(value);
            sources.Add(new SuffixSource(true, cuts[prints[value]]));
        }

        // Equal values of one model (a computation written twice) become one input.
        copy.Merge(inputs, value => prints[value],
            graph.Nodes.Where(node => IsCommon(node, prints, common)).SelectMany(node => node.Outputs));
        foreach (var node in graph.Nodes.Where(node => !IsCommon(node, prints, common)))
        {
            copy.Add(node);
        }

        var own = graph.Inputs.Where(copy.Reads).ToArray();
        sources.AddRange(own.Select(input => new SuffixSource(false, graph.Inputs.IndexOf(input))));
        var outputs = graph.Outputs.Select(copy.Of).ToArray();
        return new PrefixMember(index, copy.Finish("suffix of " + graph.Name, [.. inputs, .. own], outputs), sources)
        {
            Fingerprint = GraphFingerprints.OfAll([
                .. graph.Outputs.Select(output => prints[output]), .. sources.Select(source => source.ToString())]),
        };
    }
}
