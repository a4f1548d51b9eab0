namespace Atoll.Models;

/// <summary>One of several consecutive parts of a graph.</summary>
/// <param name="Graph">Its inputs and outputs have the names that they have in the whole graph.</param>
/// <param name="Sources">Of each input: the stage that makes it, or null where it is an input of the whole.</param>
public sealed record GraphStage(Graph Graph, IReadOnlyList<int?> Sources);

/// <summary>What stages have about equally much of.</summary>
public enum StageBalance
{
    /// <summary>So that none makes the others wait.</summary>
    Work,

    /// <summary>So that none needs much more memory than the others.</summary>
    Weights,
}

/// <summary>
/// Cuts a graph into consecutive stages of about equal work or weights, where few bytes cross: for models that no
/// device can hold whole.
/// </summary>
public static class StageCut
{
    /// <summary>A cut may lie this part of a stage's work before or after the even place.</summary>
    private const double Reach = 0.45;

    /// <summary>
    /// Null when there is no such cut: a graph of fewer places where whole tensors with known dimensions cross (the
    /// first may be open), with bodies of branches or loops, or whose outputs are inputs or constants.
    /// </summary>
    /// <param name="graph">As read, shapes inferred.</param>
    /// <param name="stages">At least 2.</param>
    /// <param name="balance">What the stages have about equally much of.</param>
    public static IReadOnlyList<GraphStage>? Split(Graph graph, int stages, StageBalance balance)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stages, 2);
        if (graph.Nodes.Exists(node => node.CaptureCount > 0))
        {
            return null;
        }

        var made = graph.Nodes.Index()
            .SelectMany(node => node.Item.Outputs.OfType<GraphValue>().Select(value => (value, node.Index)))
            .Where(pair => !pair.value.IsConstant).ToDictionary(pair => pair.value, pair => pair.Index);
        if (!graph.Outputs.TrueForAll(made.ContainsKey) || Ends(graph, made, (stages, balance)) is not { } ends)
        {
            return null;
        }

        int StageOf(GraphValue value) => Array.FindIndex(ends, end => made[value] <= end);
        return [.. Enumerable.Range(0, stages).Select(stage => Stage(graph, made, StageOf, (stage, ends)))];
    }

    private static GraphStage Stage(
        Graph graph, Dictionary<GraphValue, int> made, Func<GraphValue, int> stageOf, (int Index, int[] Ends) place)
    {
        var first = place.Index == 0 ? 0 : place.Ends[place.Index - 1] + 1;
        var last = place.Ends[place.Index];
        var nodes = graph.Nodes[first..(last + 1)];
        GraphValue[] inputs = [.. nodes.SelectMany(node => node.Inputs).OfType<GraphValue>().Distinct()
            .Where(value => made.TryGetValue(value, out var at) ? at < first : graph.Inputs.Contains(value))];
        var wanted = graph.Nodes.Skip(last + 1).SelectMany(node => node.Inputs).OfType<GraphValue>()
            .Concat(graph.Outputs).ToHashSet();
        var copy = new SubgraphCopy(graph);
        nodes.ForEach(copy.Add);
        var outputs = nodes.SelectMany(node => node.Outputs).OfType<GraphValue>()
            .Where(value => made.ContainsKey(value) && wanted.Contains(value)).Select(copy.Of);
        return new GraphStage(
            copy.Finish($"{graph.Name} stage {place.Index + 1}", inputs, [.. outputs]),
            [.. inputs.Select(value => made.ContainsKey(value) ? stageOf(value) : (int?)null)]);
    }

    /// <summary>The last node of each stage; null when a place for a cut is missing.</summary>
    private static int[]? Ends(
        Graph graph, Dictionary<GraphValue, int> made, (int Stages, StageBalance Balance) wanted)
    {
        var stages = wanted.Stages;
        var crossing = CrossingBytes(graph, made);
        var work = new double[graph.Nodes.Count];
        var sum = 0.0;
        for (var i = 0; i < work.Length; i++)
        {
            work[i] = sum += wanted.Balance == StageBalance.Work
                ? NodeCost.Of(graph.Nodes[i])
                : NodeCost.Weights(graph.Nodes[i]) + 1;
        }

        var ends = new int[stages];
        for (var stage = 0; stage < stages - 1; stage++)
        {
            var (best, bestScore) = (-1, double.MaxValue);
            for (var i = stage == 0 ? 0 : ends[stage - 1] + 1; i < work.Length - 1; i++)
            {
                var away = Math.Abs((work[i] / sum * stages) - (stage + 1));
                if (away <= Reach && crossing[i] is { } bytes && (bytes + 1) * (1 + (4 * away)) is var score &&
                    score < bestScore)
                {
                    (best, bestScore) = (i, score);
                }
            }

            if (best < 0)
            {
                return null;
            }

            ends[stage] = best;
        }

        ends[^1] = work.Length - 1;
        return ends;
    }

    /// <summary>Bytes of one row that cross behind each node; null where something crosses that cannot.</summary>
    private static long?[] CrossingBytes(Graph graph, Dictionary<GraphValue, int> made)
    {
        var isOpen = graph.Inputs.Exists(input => input.Shape is [-1, ..]);
        var bytes = new long?[graph.Nodes.Count];
        Array.Fill(bytes, 0);
        foreach (var reader in graph.Nodes.Index().SelectMany(node => node.Item.Inputs.OfType<GraphValue>()
            .Select(value => (value, node.Index))).GroupBy(read => read.value))
        {
            if (made.TryGetValue(reader.Key, out var from))
            {
                var size = BytesOf(reader.Key, isOpen);
                for (var i = from; i < reader.Max(read => read.Index); i++)
                {
                    bytes[i] += size;
                }
            }
        }

        return bytes;
    }

    private static long? BytesOf(GraphValue value, bool isOpen)
    {
        if (value is not { Container: null, Shape: [var first, .. var rest] } || value.Type == ElementType.Undefined ||
            first < 0 != isOpen || rest.Any(dimension => dimension < 0))
        {
            return null;
        }

        return rest.Aggregate(value.Type.SizeInBytes() * Math.Max(1, first), (size, dimension) => size * dimension);
    }
}
