namespace Atoll.Models;

/// <summary>
/// Copies a graph for given input shapes. Constants are shared between the copies, nodes and values are not.
/// </summary>
internal static class GraphSpecializer
{
    public static Graph Specialize(Graph graph, IReadOnlyDictionary<string, long[]> shapes, ModelLimits limits)
    {
        var copy = Copy(graph);
        if (shapes.Keys.FirstOrDefault(name => copy.Inputs.TrueForAll(i => i.Name != name)) is { } unknown)
        {
            throw new ModelException(ModelError.MissingTensor,
                $"graph '{graph.Name}' has no input '{unknown}'; its inputs are " +
                string.Join(", ", copy.Inputs.Select(i => i.Name)));
        }
        var symbols = new Dictionary<string, long>();
        foreach (var input in copy.Inputs)
        {
            if (shapes.TryGetValue(input.Name, out var shape))
            {
                Apply(input, shape, symbols, limits);
            }
        }
        foreach (var value in copy.Inputs.Concat(copy.Outputs))
        {
            Resolve(value, symbols);
        }
        ShapeInference.Run(copy, limits);
        return copy;
    }

    public static Graph Copy(Graph graph)
    {
        var values = new Dictionary<GraphValue, GraphValue>();
        var copy = new Graph { Name = graph.Name, CaptureSlots = [.. graph.CaptureSlots] };
        copy.Inputs.AddRange(graph.Inputs.Select(v => Of(values, v)));
        foreach (var node in graph.Nodes)
        {
            var made = new GraphNode
            {
                Name = node.Name, Operator = node.Operator, Domain = node.Domain, Opset = node.Opset,
                Attributes = node.Attributes, CaptureCount = node.CaptureCount,
                Inputs = [.. node.Inputs.Select(v => v is null ? null : Of(values, v))],
                Outputs = [.. node.Outputs.Select(v => v is null ? null : Of(values, v))],
            };
            foreach (var output in made.Outputs)
            {
                output?.Producer = made;
            }
            copy.Nodes.Add(made);
        }
        copy.Outputs.AddRange(graph.Outputs.Select(v => Of(values, v)));
        return copy;
    }

    private static GraphValue Of(Dictionary<GraphValue, GraphValue> values, GraphValue value)
    {
        if (!values.TryGetValue(value, out var copy))
        {
            copy = new GraphValue(value.Name)
            {
                Type = value.Type, Shape = (long[]?)value.Shape?.Clone(), DimNames = value.DimNames,
                Constant = value.Constant, Container = value.Container,
            };
            values.Add(value, copy);
        }
        return copy;
    }

    private static void Apply(GraphValue input, long[] shape, Dictionary<string, long> symbols, ModelLimits limits)
    {
        var where = $"graph input '{input.Name}'";
        if (shape.Any(d => d < 0))
        {
            throw new ModelException(ModelError.InvalidShape,
                $"{where} is given the shape [{string.Join(',', shape)}]");
        }
        limits.CountElements(shape, where);
        ShapeInference.Merge(input, input.Type, shape, where);
        for (var i = 0; i < shape.Length; i++)
        {
            if (input.DimNames?[i] is { } symbol && !symbols.TryAdd(symbol, shape[i]) && symbols[symbol] != shape[i])
            {
                throw new ModelException(ModelError.InvalidShape,
                    $"{where}: dimension {i} is '{symbol}', {symbols[symbol]} elsewhere and {shape[i]} here");
            }
        }
    }

    private static void Resolve(GraphValue value, Dictionary<string, long> symbols)
    {
        for (var i = 0; i < (value.Shape?.Length ?? 0); i++)
        {
            if (value.Shape![i] < 0 && value.DimNames?[i] is { } symbol && symbols.TryGetValue(symbol, out var size))
            {
                value.Shape[i] = size;
            }
        }
    }
}
