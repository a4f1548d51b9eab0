namespace Atoll.Models;

/// <summary>
/// Puts a QuantizeLinear and a DequantizeLinear behind each value that operators with 8-bit forms read, and reads
/// their weights from bytes: the form in which engines recognise integer operators. A value that only an activation
/// reads stays as it is, since both become one operator.
/// </summary>
internal sealed class StaticQuantizer
{
    private static readonly string[] Quantized =
        ["Conv", "Gemm", "Add", "MaxPool", "GlobalAveragePool", "AveragePool", "Flatten", "Reshape", "Concat"];

    private static readonly string[] Movers = ["MaxPool", "Flatten", "Reshape"];

    private readonly Graph _graph;
    private readonly GraphEditor _editor;
    private readonly Dictionary<string, (float Low, float High)> _ranges;
    private readonly Dictionary<GraphValue, (GraphValue Bytes, Scale Scale)> _done =
        new(ReferenceEqualityComparer.Instance);

    private StaticQuantizer(Graph graph, Dictionary<string, (float Low, float High)> ranges)
    {
        (_graph, _ranges) = (graph, ranges);
        _editor = new GraphEditor(graph);
    }

    /// <param name="graph">Is changed in place; its batch normalizations are folded.</param>
    /// <param name="ranges">Of each value by name.</param>
    public static void Apply(Graph graph, Dictionary<string, (float Low, float High)> ranges)
    {
        var quantizer = new StaticQuantizer(graph, ranges);
        foreach (var node in graph.Nodes.Where(IsQuantized).ToArray())
        {
            quantizer.ReadActivations(node);
            quantizer.ReadWeights(node);
        }
    }

    private static bool IsQuantized(GraphNode node) =>
        node.Domain.Length == 0 && Quantized.Contains(node.Operator) && node.Out().Type == ElementType.Float32;

    private void ReadActivations(GraphNode node)
    {
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is { Type: ElementType.Float32, IsConstant: false } value)
            {
                node.Inputs[i] = Quantize(value).Bytes;
            }
        }
    }

    private (GraphValue Bytes, Scale Scale) Quantize(GraphValue value)
    {
        if (_done.TryGetValue(value, out var done))
        {
            return done;
        }

        // What only moves values keeps their scale; its input comes back dequantized already.
        var mover = value.Producer is { } p && Movers.Contains(p.Operator) ? p : null;
        var scale = mover is not null && _done.Values.FirstOrDefault(d => ReferenceEquals(d.Bytes, mover.In(0)))
            is { Scale: { } kept } ? kept : Scale.Of(_editor, value.Name, _ranges[value.Name]);
        var bytes = _editor.AddValue($"{value.Name}_bytes", ElementType.UInt8, value.Shape);
        var floats = _editor.AddValue($"{value.Name}_floats", ElementType.Float32, value.Shape);
        var quantize = Node("QuantizeLinear", $"{value.Name}_quantize", [value, scale.Step, scale.Zero], bytes);
        var dequantize = Node("DequantizeLinear", $"{value.Name}_dequantize", [bytes, scale.Step, scale.Zero], floats);
        var place = value.Producer is { } producer ? _graph.Nodes.IndexOf(producer) + 1 : 0;
        _graph.Nodes.InsertRange(place, [quantize, dequantize]);
        _done.Add(value, done = (floats, scale));
        return done;
    }

    private void ReadWeights(GraphNode node)
    {
        if (node.Operator is not ("Conv" or "Gemm") || node.In(1)?.Constant is not { } weights)
        {
            return;
        }

        var axis = node.Is("Gemm") && node.Attributes.Int("transB") == 0 ? 1 : 0;
        var quantized = WeightQuantizer.Of(weights, axis);
        var step = _editor.AddConstant($"{node.Name}_step", Tensor.Float([quantized.Scales.Length], quantized.Scales));
        node.Inputs[1] = Dequantize($"{node.Name}_weights", quantized.Values, step, axis);
        if (node.In(2)?.Constant is { } bias)
        {
            var input = _done.Values.First(d => ReferenceEquals(d.Bytes, node.In(0))).Scale.Value;
            node.Inputs[2] = Bias(node.Name, bias, Array.ConvertAll(quantized.Scales, s => s * input));
        }
    }

    private GraphValue Bias(string name, Tensor bias, float[] scales)
    {
        var source = bias.AsSpan<float>();
        var values = new int[source.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (int)Math.Round(source[i] / (double)scales[i]);
        }

        var step = _editor.AddConstant($"{name}_bias_step", Tensor.Float([scales.Length], scales));
        return Dequantize($"{name}_bias", Tensor.Of<int>(ElementType.Int32, bias.Shape, values), step, axis: 0);
    }

    private GraphValue Dequantize(string name, Tensor values, GraphValue step, long axis)
    {
        var count = (int)step.Constant!.ElementCount;
        var zero = new Tensor(values.Type, [count], new byte[count * values.Type.SizeInBytes()]);
        var floats = _editor.AddValue(name, ElementType.Float32, values.Shape);
        var node = Node("DequantizeLinear", $"{name}_dequantize",
            [_editor.AddConstant($"{name}_bytes", values), step, _editor.AddConstant($"{name}_zero", zero)], floats);
        node.Attributes.Set("axis", axis);
        _graph.Nodes.Insert(0, node);
        return floats;
    }

    private static GraphNode Node(string op, string name, List<GraphValue?> inputs, GraphValue output)
    {
        var node = new GraphNode { Name = name, Operator = op, Opset = 17, Inputs = inputs, Outputs = [output] };
        output.Producer = node;
        return node;
    }

    private sealed record Scale(GraphValue Step, GraphValue Zero, float Value)
    {
        public static Scale Of(GraphEditor editor, string name, (float Low, float High) range)
        {
            var step = (range.High - range.Low) / 255;
            step = step > 0 ? step : 1;
            var zero = (byte)Math.Clamp(MathF.Round(-range.Low / step), 0, 255);
            return new Scale(editor.AddConstant($"{name}_step", Tensor.Float([], [step])),
                editor.AddConstant($"{name}_zero", new Tensor(ElementType.UInt8, [], [zero])), step);
        }
    }
}
