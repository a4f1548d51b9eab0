namespace Atoll.Models;

/// <summary>Edits one graph and keeps node order, producers and the index of readers right.</summary>
internal sealed class GraphEditor(Graph graph)
{
    private Dictionary<GraphValue, List<GraphNode>>? _readers;
    private int _made;

    public Graph Graph { get; } = graph;

    /// <summary>Place of the node that is looked at; nodes near it are found fast.</summary>
    public int Near { get; set; }

    /// <summary>Nodes that read the value, once per reading input.</summary>
    public IReadOnlyList<GraphNode> Readers(GraphValue value) =>
        (_readers ?? AllReaders()).TryGetValue(value, out var readers) ? readers : [];

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
        var place = old.Max(PlaceOf);
        Graph.Nodes.InsertRange(place + 1, nodes);
        foreach (var gone in old)
        {
            Remove(gone);
        }

        foreach (var node in nodes)
        {
            Index(node);
            foreach (var output in node.Outputs)
            {
                output?.Producer = node;
            }
        }
    }

    /// <summary>Takes out a node whose output equals its input. A value that the caller sees keeps its name.</summary>
    /// <returns>False where both values are seen by the caller or the input is none of a node's outputs.</returns>
    public bool TryBypass(GraphNode node, GraphValue input, GraphValue output)
    {
        if (IsGraphOutput(output))
        {
            return TryRenameProducer(node, input, output);
        }

        foreach (var reader in Readers(output).Distinct().ToArray())
        {
            Forget(reader);
            for (var i = 0; i < reader.Inputs.Count; i++)
            {
                if (ReferenceEquals(reader.Inputs[i], output))
                {
                    reader.Inputs[i] = input;
                }
            }

            Index(reader);
        }

        Remove(node);
        return true;
    }

    /// <summary>Takes out nodes whose outputs nobody reads.</summary>
    public void RemoveDead()
    {
        var dead = new HashSet<GraphNode>();
        for (var i = Graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = Graph.Nodes[i];
            if (node.Outputs.All(o => o is null || (!IsGraphOutput(o) && Readers(o).Count == 0)))
            {
                Forget(node);
                dead.Add(node);
            }
        }

        Graph.Nodes.RemoveAll(dead.Contains);
    }

    private bool TryRenameProducer(GraphNode node, GraphValue input, GraphValue output)
    {
        if (input.Producer is not { } producer || !ReferenceEquals(OnlyReader(input), node))
        {
            return false;
        }

        producer.Outputs[producer.Outputs.IndexOf(input)] = output;
        output.Producer = producer;
        Remove(node);
        return true;
    }

    private int PlaceOf(GraphNode node)
    {
        var near = Math.Min(Near + Reach, Graph.Nodes.Count) - 1;
        var place = near < 0 ? -1 : Graph.Nodes.LastIndexOf(node, near);
        return place >= 0 ? place : Graph.Nodes.IndexOf(node);
    }

    private void Remove(GraphNode node)
    {
        if (PlaceOf(node) is var place and >= 0)
        {
            Graph.Nodes.RemoveAt(place);
            Forget(node);
        }
    }

    private Dictionary<GraphValue, List<GraphNode>> AllReaders()
    {
        _readers = new Dictionary<GraphValue, List<GraphNode>>(ReferenceEqualityComparer.Instance);
        Graph.Nodes.ForEach(Index);
        return _readers;
    }

    private void Index(GraphNode node)
    {
        foreach (var input in node.Inputs.OfType<GraphValue>())
        {
            if (_readers is not null && !_readers.TryAdd(input, [node]))
            {
                _readers[input].Add(node);
            }
        }
    }

    private void Forget(GraphNode node)
    {
        foreach (var input in node.Inputs.OfType<GraphValue>())
        {
            _readers?.GetValueOrDefault(input)?.Remove(node);
        }
    }

    private const int Reach = 16;
}
