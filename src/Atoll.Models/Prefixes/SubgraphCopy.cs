namespace Atoll.Models;

/// <summary>
/// Copies some nodes of a graph into a graph of their own, constants shared. Order of nodes is kept.
/// </summary>
internal sealed class SubgraphCopy(Graph source)
{
    private readonly Dictionary<GraphValue, GraphValue> _values = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<GraphValue> _read = new(ReferenceEqualityComparer.Instance);
    private readonly List<GraphNode> _nodes = [];

    public bool Reads(GraphValue value) => _read.Contains(value);

    /// <summary>The copy's value for a value of the source.</summary>
    public GraphValue Of(GraphValue value)
    {
        if (!_values.TryGetValue(value, out var copy))
        {
            _values.Add(value, copy = new GraphValue(value.Name)
            {
                Type = value.Type,
                Shape = (long[]?)value.Shape?.Clone(),
                DimNames = value.DimNames,
                Constant = value.Constant,
            });
        }

        return copy;
    }

    /// <summary>Lets values with the key of a representative share its copy.</summary>
    public void Merge(
        IEnumerable<GraphValue> representatives, Func<GraphValue, string> key, IEnumerable<GraphValue?> values)
    {
        var byKey = representatives.ToDictionary(key, Of);
        foreach (var value in values.OfType<GraphValue>())
        {
            if (byKey.TryGetValue(key(value), out var copy))
            {
                _values.TryAdd(value, copy);
            }
        }
    }

    public void Add(GraphNode node)
    {
        _read.UnionWith(node.Inputs.OfType<GraphValue>());
        var copy = new GraphNode
        {
            Name = node.Name,
            Operator = node.Operator,
            Domain = node.Domain,
            Opset = node.Opset,
            Attributes = node.Attributes,
            CaptureCount = node.CaptureCount,
            Inputs = [.. node.Inputs.Select(value => value is null ? null : Of(value))],
            Outputs = [.. node.Outputs.Select(value => value is null ? null : Of(value))],
        };
        foreach (var output in copy.Outputs)
        {
            output?.Producer = copy;
        }

        _nodes.Add(copy);
    }

    /// <param name="inputs">Values of the source that become inputs.</param>
    /// <param name="outputs">Values of the copy.</param>
    public Graph Finish(string name, IEnumerable<GraphValue> inputs, IEnumerable<GraphValue> outputs)
    {
        var graph = new Graph { Name = name, Nodes = _nodes };
        graph.Inputs.AddRange(inputs.Select(value => NamedBatch(Of(value))));
        graph.Outputs.AddRange(outputs);
        return graph;
    }

    /// <summary>
    /// An open first dimension keeps the source's name for it, so that all inputs of the part open alike.
    /// </summary>
    private GraphValue NamedBatch(GraphValue value)
    {
        if (value is { DimNames: null, Shape: [-1, ..] } &&
            source.Inputs.Select(input => input.DimNames?.FirstOrDefault())
                .FirstOrDefault(n => n is not null) is { } name)
        {
            value.DimNames = [name, .. Enumerable.Repeat<string?>(null, value.Shape!.Length - 1)];
        }

        return value;
    }
}
