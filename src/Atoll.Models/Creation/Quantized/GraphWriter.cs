using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>Turns a graph of standard operators into a model that can be written.</summary>
internal static class GraphWriter
{
    private const int Opset = 17;

    /// <exception cref="ModelException">A node is not of the standard domain or has an attribute that is no number,
    /// text or array of numbers.</exception>
    public static OnnxModelBuilder ToBuilder(Graph graph, string name)
    {
        var model = new OnnxModelBuilder(name, Opset);
        foreach (var input in graph.Inputs)
        {
            model.Input(input.Name, input.Type, Dims(input));
        }

        HashSet<string> written = [];
        foreach (var constant in graph.Nodes.SelectMany(n => n.Inputs).OfType<GraphValue>()
            .Where(v => v.IsConstant && written.Add(v.Name)))
        {
            model.Constant(constant.Name, constant.Constant!);
        }

        foreach (var node in graph.Nodes)
        {
            model.Graph.Node.Add(Describe(node));
        }

        foreach (var output in graph.Outputs)
        {
            model.Output(output.Name, output.Type, Dims(output));
        }

        return model;
    }

    // A dimension without a size is the batch: all such have one name.
    private static long[] Dims(GraphValue value) => [.. value.Shape!.Select(d => Math.Max(d, 0))];

    private static NodeProto Describe(GraphNode node)
    {
        if (node.Domain.Length > 0)
        {
            throw new ModelException(
                ModelError.UnsupportedOperator, $"{node} of domain '{node.Domain}' is not written");
        }

        var made = new NodeProto { Name = node.Name, OpType = node.Operator };
        made.Input.AddRange(node.Inputs.Select(v => v?.Name ?? ""));
        made.Output.AddRange(node.Outputs.Select(v => v?.Name ?? ""));
        made.Attribute.AddRange(node.Attributes.Names.Select(name => node.Attributes.Raw(name) switch
        {
            long number => OnnxAttribute.Int(name, number),
            float number => OnnxAttribute.Float(name, number),
            string text => OnnxAttribute.Text(name, text),
            long[] numbers => OnnxAttribute.Ints(name, numbers),
            var other => throw new ModelException(ModelError.InvalidAttribute,
                $"{node}: attribute '{name}' is a {other?.GetType().Name}, which is not written"),
        }));
        return made;
    }
}
