namespace Atoll.Models;

/// <summary>
/// Orders nodes so that every value is made before it is used, keeping the given order where it is free.
/// </summary>
public static class TopologicalOrder
{
    /// <exception cref="ModelException">The nodes form a cycle; one of its nodes is named.</exception>
    public static List<GraphNode> Sort(IReadOnlyList<GraphNode> nodes)
    {
        var positions = new Dictionary<GraphNode, int>(nodes.Count);
        for (var i = 0; i < nodes.Count; i++)
        {
            positions.Add(nodes[i], i);
        }
        var waiting = new int[nodes.Count];
        var readers = new List<int>?[nodes.Count];
        var ready = new PriorityQueue<int, int>();
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var producer in nodes[i].Inputs.Select(v => v?.Producer).OfType<GraphNode>().Distinct())
            {
                if (positions.TryGetValue(producer, out var position))
                {
                    (readers[position] ??= []).Add(i);
                    waiting[i]++;
                }
            }
            if (waiting[i] == 0)
            {
                ready.Enqueue(i, i);
            }
        }
        var sorted = new List<GraphNode>(nodes.Count);
        while (ready.TryDequeue(out var next, out _))
        {
            sorted.Add(nodes[next]);
            foreach (var reader in readers[next] ?? [])
            {
                if (--waiting[reader] == 0)
                {
                    ready.Enqueue(reader, reader);
                }
            }
        }
        return sorted.Count == nodes.Count
            ? sorted
            : throw new ModelException(ModelError.InvalidGraph,
                $"the graph has a cycle: node {nodes[Array.FindIndex(waiting, w => w > 0)]} is on it or waits for it");
    }
}
