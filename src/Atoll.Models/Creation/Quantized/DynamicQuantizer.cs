namespace Atoll.Models;

/// <summary>
/// Products by constant matrices become products of bytes: the left operand is quantized by its own range at run time,
/// once for all products that read it.
/// </summary>
internal static class DynamicQuantizer
{
    public static void Apply(Graph graph)
    {
        var editor = new GraphEditor(graph);
        Dictionary<GraphValue, GraphNode> quantized = new(ReferenceEqualityComparer.Instance);
        foreach (var node in graph.Nodes.Where(IsProduct).ToArray())
        {
            var x = node.In(0)!;
            List<GraphNode> made = [];
            if (!quantized.TryGetValue(x, out var bytes))
            {
                bytes = Quantize(editor, x);
                quantized.Add(x, bytes);
                made.Add(bytes);
            }

            made.AddRange(Multiply(editor, node, bytes));
            editor.Replace([node], [.. made]);
        }
    }

    private static bool IsProduct(GraphNode node) => node.Is("MatMul") &&
        node.In(1)?.Constant is { Type: ElementType.Float32, Shape.Length: 2 };

    private static GraphNode Quantize(GraphEditor editor, GraphValue x) => Node("DynamicQuantizeLinear",
        $"{x.Name}_quantized", [x], editor.AddValue($"{x.Name}_bytes", ElementType.UInt8, x.Shape),
        editor.AddValue($"{x.Name}_scale", ElementType.Float32, []),
        editor.AddValue($"{x.Name}_zero", ElementType.UInt8, []));

    private static GraphNode[] Multiply(GraphEditor editor, GraphNode node, GraphNode bytes)
    {
        var name = node.Name;
        var weights = WeightQuantizer.Of(node.In(1)!.Constant!, axis: 1);
        var product = Node("MatMulInteger", $"{name}_bytes",
            [bytes.Outputs[0], editor.AddConstant($"{name}_weights", weights.Values), bytes.Outputs[2],
                editor.AddConstant($"{name}_zero", new Tensor(ElementType.Int8, [], [0]))],
            editor.AddValue($"{name}_sums", ElementType.Int32, node.Out().Shape));
        var floats = Node("Cast", $"{name}_cast", [product.Out()],
            editor.AddValue($"{name}_floats", ElementType.Float32, node.Out().Shape));
        floats.Attributes.Set("to", (long)ElementType.Float32);
        var scale = Node("Mul", $"{name}_scales", [bytes.Outputs[1], editor.AddConstant($"{name}_scale",
            Tensor.Float([weights.Scales.Length], weights.Scales))],
            editor.AddValue($"{name}_scale", ElementType.Float32, [weights.Scales.Length]));
        return [product, floats, scale, Node("Mul", name, [floats.Out(), scale.Out()], node.Out())];
    }

    private static GraphNode Node(string op, string name, List<GraphValue?> inputs, params GraphValue[] outputs) =>
        new() { Name = name, Operator = op, Opset = 17, Inputs = inputs, Outputs = [.. outputs] };
}
