using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>
/// Builds a checked graph from its stored form: every name made once, every use defined, nodes in dependency order.
/// </summary>
internal sealed class GraphReader(ModelProto model, TensorReader tensors, ModelLimits limits)
{
    private readonly Dictionary<string, GraphValue> _values = [];
    private readonly Dictionary<string, int> _opsets = OnnxModel.OpsetsOf(model);

    public static string DomainOf(string domain) => domain == "ai.onnx" ? "" : domain;

    public Graph Read()
    {
        var proto = model.Graph ?? throw new ModelException(ModelError.Malformed, "the file holds no graph");
        RefuseUnsupported(proto);
        ReadInitializers(proto);
        var graph = new Graph { Name = proto.Name };
        ReadInputs(proto, graph);
        var nodes = ReadNodes(proto);
        foreach (var output in proto.Output)
        {
            graph.Outputs.Add(ReadOutput(output));
        }
        graph.Nodes.AddRange(TopologicalOrder.Sort(nodes));
        return graph;
    }

    /// <summary>Names every operator that is not had, so that a user sees the whole gap at once.</summary>
    private void RefuseUnsupported(GraphProto proto)
    {
        if (proto.SparseInitializer.Count > 0)
        {
            throw new ModelException(ModelError.UnsupportedType, "sparse initializers are not supported");
        }
        var functions = model.Functions.Select(f => (DomainOf(f.Domain), f.Name)).ToHashSet();
        var missing = new List<string>();
        for (var i = 0; i < proto.Node.Count; i++)
        {
            var node = proto.Node[i];
            var domain = DomainOf(node.Domain);
            var opset = _opsets.GetValueOrDefault(domain);
            if (!OperatorTable.Has(domain, node.OpType, opset))
            {
                var local = functions.Contains((domain, node.OpType)) ? ", a function of the model itself" : "";
                var prefix = domain.Length > 0 ? domain + "." : "";
                missing.Add($"{prefix}{node.OpType} (node '{NameOf(node, i)}', opset {opset}{local})");
            }
        }
        if (missing.Count > 0)
        {
            const int Shown = 50;
            var more = missing.Count > Shown ? $" and {missing.Count - Shown} more" : "";
            throw new ModelException(ModelError.UnsupportedOperator,
                $"operators that are not supported: {string.Join(", ", missing.Take(Shown))}{more}");
        }
    }

    private void ReadInitializers(GraphProto proto)
    {
        foreach (var initializer in proto.Initializer)
        {
            var tensor = tensors.Read(initializer, initializer.Name);
            var value = Define(initializer.Name, "an initializer");
            (value.Type, value.Shape, value.Constant) = (tensor.Type, tensor.Shape, tensor);
        }
    }

    private void ReadInputs(GraphProto proto, Graph graph)
    {
        var seen = new HashSet<string>();
        foreach (var input in proto.Input)
        {
            if (!seen.Add(input.Name))
            {
                throw new ModelException(ModelError.InvalidGraph, $"graph input '{input.Name}' is declared twice");
            }
            if (_values.TryGetValue(input.Name, out var initializer))
            {
                var declared = new GraphValue(input.Name);
                ReadType(input, declared);
                ShapeInference.Merge(initializer, declared.Type, declared.Shape, $"graph input '{input.Name}'");
                continue;
            }
            var value = Define(input.Name, "a graph input");
            ReadType(input, value);
            graph.Inputs.Add(value);
        }
    }

    private List<GraphNode> ReadNodes(GraphProto proto)
    {
        var nodes = new List<GraphNode>(proto.Node.Count);
        for (var i = 0; i < proto.Node.Count; i++)
        {
            var node = proto.Node[i];
            var domain = DomainOf(node.Domain);
            var read = new GraphNode
            {
                Name = NameOf(node, i),
                Operator = node.OpType,
                Domain = domain,
                Opset = _opsets.GetValueOrDefault(domain),
                Attributes = AttributeReader.Read(node, $"node {node.OpType} '{NameOf(node, i)}'", tensors),
            };
            foreach (var output in node.Output)
            {
                read.Outputs.Add(output.Length == 0 ? null : Define(output, $"an output of node '{read.Name}'"));
            }
            foreach (var output in read.Outputs)
            {
                output?.Producer = read;
            }
            nodes.Add(read);
        }
        for (var i = 0; i < nodes.Count; i++)
        {
            nodes[i].Inputs.AddRange(proto.Node[i].Input.Select(name => name.Length == 0 ? null
                : Use(name, nodes[i].ToString())));
        }
        return nodes;
    }

    private GraphValue ReadOutput(ValueInfoProto output)
    {
        var value = Use(output.Name, "the graph's outputs");
        var declared = new GraphValue(output.Name);
        ReadType(output, declared);
        if (value.IsConstant || value.Producer is null)
        {
            ShapeInference.Merge(value, declared.Type, declared.Shape, $"graph output '{output.Name}'");
        }
        else
        {
            (value.Type, value.Shape, value.DimNames) = (declared.Type, declared.Shape, declared.DimNames);
        }
        return value;
    }

    private void ReadType(ValueInfoProto info, GraphValue value)
    {
        var where = $"'{info.Name}'";
        if (info.Type is null)
        {
            return;
        }
        if (info.Type.TensorType is not { } tensor)
        {
            throw new ModelException(ModelError.UnsupportedType,
                $"{where} is a {info.Type.ValueCase}; only tensors are supported");
        }
        value.Type = TensorReader.TypeOf(tensor.ElemType, where);
        if (tensor.Shape is not { } shape)
        {
            return;
        }
        value.Shape = [.. shape.Dim.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue
            ? d.DimValue : -1)];
        value.DimNames = [.. shape.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : null)];
        if (value.Shape.Any(d => d < -1))
        {
            throw new ModelException(ModelError.InvalidShape,
                $"{where} has a negative dimension in [{string.Join(',', value.Shape)}]");
        }
        limits.CountElements(value.Shape, where);
    }

    private GraphValue Define(string name, string what)
    {
        var value = new GraphValue(name);
        if (name.Length == 0 || !_values.TryAdd(name, value))
        {
            throw new ModelException(ModelError.InvalidGraph, name.Length == 0
                ? $"{what} has no name"
                : $"tensor '{name}' is made more than once; the second time as {what}");
        }
        return value;
    }

    private GraphValue Use(string name, string user) => _values.TryGetValue(name, out var value)
        ? value
        : throw new ModelException(ModelError.MissingTensor,
            $"{user} reads tensor '{name}', which no input, initializer or node provides");

    private static string NameOf(NodeProto node, int index) => node.Name.Length > 0 ? node.Name
        : $"{node.OpType}_{index}";
}
