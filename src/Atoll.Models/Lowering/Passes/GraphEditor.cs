namespace Atoll.Models;

/// <summary>Edits one graph and keeps node order, producers and the index of readers right.</summary>
internal sealed class GraphEditor(Graph graph)
{
    private Dictionary<GraphValue, List<GraphNode>>? _readers;
    private int _made;

    public Graph Graph { get; } = graph;

    /// <summary>Nodes that read the value, once per reading input.</summary>
    public IReadOnlyList<GraphNode> Readers(GraphValue value) =>
        (_readers ??= Index()).TryGetValue(value, out var readers) ? readers : [];

    public bool IsGraphOutput(GraphValue value) => Graph.Outputs.Contains(value);

    /// <summary>The only node that reads the value, if nothing else, the caller included, sees it.</summary>
    public GraphNode? OnlyReader(GraphValue value) =>
        !IsGraphOutput(value) && Readers(value) is [var reader] ? reader : null;

    public GraphValue AddConstant(string near, Tensor tensor) => new($"{near}.atoll{_made++}")
    {
        Type = tensor.Type,
        Shape = [.. tensor.Shape],
        Constant = tensor,
    };

    public GraphValue AddValue(string near, ElementType type, long[]? shape) => new($"{near}.atoll{_made++}")
    {
        Type = type,
        Shape = shape,
    };

    /// <summary>Puts nodes where the last of the old ones was, and takes the old ones out.</summary>
    public void Replace(IReadOnlyCollection<GraphNode> old, params ReadOnlySpan<GraphNode> nodes)
    {
        var place = old.Max(n => Graph.Nodes.IndexOf(n));
        Graph.Nodes.InsertRange(place + 1, nodes);
        foreach (var gone in old)
        {
            Graph.Nodes.Remove(gone);
        }

        foreach (var node in nodes)
        {
            foreach (var output in node.Outputs)
            {
                output?.Producer = node;
            }
        }

        _readers = null;
    }

    /// <summary>Takes out a node whose output equals its input. A value that the caller sees keeps its name.</summary>
    /// <returns>False where both values are seen by the caller or the input is none of a node's outputs.</returns>
    public bool TryBypass(GraphNode node, GraphValue input, GraphValue output)
    {
        if (IsGraphOutput(output))
        {
            return TryRenameProducer(node, input, output);
        }

        foreach (var reader in Readers(output))
        {
            for (var i = 0; i < reader.Inputs.Count; i++)
            {
                if (ReferenceEquals(reader.Inputs[i], output))
                {
                    reader.Inputs[i] = input;
                }
            }
        }

        Graph.Nodes.Remove(node);
        _readers = null;
        return true;
    }

    /// <summary>Takes out nodes whose outputs nobody reads.</summary>
    public void RemoveDead()
    {
        for (var i = Graph.Nodes.Count - 1; i >= 0; i--)
        {
            if (Graph.Nodes[i].Outputs.All(o => o is null || (!IsGraphOutput(o) && Readers(o).Count == 0)))
            {
                Graph.Nodes.RemoveAt(i);
                _readers = null;
            }
        }
    }

    private bool TryRenameProducer(GraphNode node, GraphValue input, GraphValue output)
    {
        if (input.Producer is not { } producer || !ReferenceEquals(OnlyReader(input), node))
        {
            return false;
        }

        producer.Outputs[producer.Outputs.IndexOf(input)] = output;
        output.Producer = producer;
        Graph.Nodes.Remove(node);
        _readers = null;
        return true;
    }

    private Dictionary<GraphValue, List<GraphNode>> Index()
    {
        var readers = new Dictionary<GraphValue, List<GraphNode>>(ReferenceEqualityComparer.Instance);
        foreach (var node in Graph.Nodes)
        {
            foreach (var input in node.Inputs.OfType<GraphValue>())
            {
                if (!readers.TryGetValue(input, out var list))
                {
                    readers.Add(input, list = []);
                }

                list.Add(node);
            }
        }

        return readers;
    }
}
