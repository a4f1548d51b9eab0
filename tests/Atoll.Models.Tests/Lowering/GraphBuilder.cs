namespace Atoll.Models.Tests;

/// <summary>Writes graphs as expressions; constants are drawn from the seeded random.</summary>
internal sealed class GraphBuilder(int seed)
{
    private readonly Graph _graph = new() { Name = $"seed {seed}" };
    private int _names;

    public Random Random { get; } = new(seed);

    public int Opset { get; init; } = 17;

    public GraphValue Input(params long[] shape) => Input(ElementType.Float32, shape);

    public GraphValue Input(ElementType type, params long[] shape)
    {
        var value = new GraphValue($"in{_names++}") { Type = type, Shape = shape };
        _graph.Inputs.Add(value);
        return value;
    }

    /// <summary>Small values around zero.</summary>
    public GraphValue Weights(params long[] shape) => Constant(shape, () => (float)(Random.NextDouble() - 0.5));

    public GraphValue Positive(params long[] shape) => Constant(shape, () => (float)(Random.NextDouble() + 0.5));

    public GraphValue Scalar(float value) => Constant([], () => value);

    public GraphValue Ints(params long[] values) => Of(Tensor.Int64([values.Length], values));

    public GraphValue Of(Tensor tensor) =>
        new($"c{_names++}") { Type = tensor.Type, Shape = [.. tensor.Shape], Constant = tensor };

    public GraphValue Op(string op, params GraphValue?[] inputs) => Op(op, [], inputs);

    public GraphValue Op(string op, (string Name, object Value)[] attributes, params GraphValue?[] inputs) =>
        Ops(op, 1, attributes, inputs)[0];

    public GraphValue[] Ops(string op, int outputs, (string Name, object Value)[] attributes,
        params GraphValue?[] inputs)
    {
        var made = Enumerable.Range(0, outputs).Select(_ => new GraphValue($"v{_names++}")).ToArray();
        var node = new GraphNode
        {
            Name = $"{op}{_names++}", Operator = op, Opset = Opset, Inputs = [.. inputs], Outputs = [.. made],
        };
        foreach (var (name, value) in attributes)
        {
            node.Attributes.Set(name, value);
        }

        foreach (var value in made)
        {
            value.Producer = node;
        }

        _graph.Nodes.Add(node);
        return made;
    }

    public Graph Build(params GraphValue[] outputs)
    {
        _graph.Outputs.AddRange(outputs);
        ShapeInference.Run(_graph);
        return _graph;
    }

    private GraphValue Constant(long[] shape, Func<float> next)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = next();
        }

        return Of(Tensor.Float(shape, values));
    }
}
