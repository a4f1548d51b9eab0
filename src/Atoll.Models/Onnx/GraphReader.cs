using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>
/// Builds a checked graph from its stored form: every name made once, every use defined, nodes in dependency order.
/// Graphs in attributes are read with it; what they read from outside becomes inputs of theirs and of their node.
/// </summary>
internal sealed class GraphReader(StoredModel stored, TensorReader tensors)
{
    private readonly Dictionary<string, int> _opsets = OnnxModel.OpsetsOf(stored.Proto);

    public static string DomainOf(string domain) => domain == "ai.onnx" ? "" : domain;

    public Graph Read()
    {
        var proto = stored.Proto.Graph ?? throw new ModelException(ModelError.Malformed, "the file holds no graph");
        OperatorSupport.Require(stored.Proto, _opsets);
        return new Scope(this, null, proto).Read();
    }

    private static string NameOf(NodeProto node, int index) => node.Name.Length > 0 ? node.Name
        : $"{node.OpType}_{index}";

    /// <summary>One graph with the names that it defines.</summary>
    private sealed class Scope(GraphReader reader, Scope? parent, GraphProto proto)
    {
        private readonly Dictionary<string, GraphValue> _values = [];
        private readonly int _depth = parent is null ? 0 : parent._depth + 1;

        /// <summary>What is read from outside, with the input that stands for it here.</summary>
        private readonly List<(GraphValue Outer, GraphValue Inner)> _captures = [];

        public Graph Read()
        {
            if (_depth > reader.Limits.SubgraphDepthMax)
            {
                throw ModelLimits.Exceeded($"graph '{proto.Name}' lies {_depth} graphs deep",
                    reader.Limits.SubgraphDepthMax, nameof(ModelLimits.SubgraphDepthMax));
            }
            ReadInitializers();
            var graph = new Graph { Name = proto.Name };
            ReadInputs(graph);
            var nodes = ReadNodes();
            foreach (var output in proto.Output)
            {
                graph.Outputs.Add(ReadOutput(output));
            }
            graph.Nodes.AddRange(TopologicalOrder.Sort(nodes));
            return graph;
        }

        private void ReadInitializers()
        {
            foreach (var (index, initializer) in proto.Initializer.Index())
            {
                var raw = parent is null ? reader.Stored.TryRawData(index) : null;
                DefineConstant(initializer.Name, reader.Tensors.Read(initializer, initializer.Name, raw));
            }
            foreach (var sparse in proto.SparseInitializer)
            {
                var name = sparse.Values?.Name ?? "";
                DefineConstant(name, SparseTensors.Read(sparse, reader.Tensors, name));
            }
        }

        private void DefineConstant(string name, Tensor tensor)
        {
            var value = Define(name, "an initializer");
            (value.Type, value.Shape, value.Constant) = (tensor.Type, tensor.Shape, tensor);
        }

        private void ReadInputs(Graph graph)
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

        private List<GraphNode> ReadNodes()
        {
            var nodes = new List<GraphNode>(proto.Node.Count);
            for (var i = 0; i < proto.Node.Count; i++)
            {
                var node = proto.Node[i];
                var domain = DomainOf(node.Domain);
                var read = new GraphNode
                {
                    Name = NameOf(node, i), Operator = node.OpType, Domain = domain,
                    Opset = reader._opsets.GetValueOrDefault(domain),
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
                ReadNode(proto.Node[i], nodes[i]);
            }
            return nodes;
        }

        private void ReadNode(NodeProto stored, GraphNode node)
        {
            node.Inputs.AddRange(stored.Input.Select(name => name.Length == 0 ? null : Use(name, node.ToString())));
            var captures = new List<GraphValue>();
            AttributeReader.Read(node.Attributes, stored, $"node {node}", reader.Tensors, graph =>
            {
                var scope = new Scope(reader, this, graph);
                var read = scope.Read();
                foreach (var (outer, inner) in scope._captures)
                {
                    if (!captures.Contains(outer))
                    {
                        captures.Add(outer);
                    }
                    read.Inputs.Add(inner);
                    read.CaptureSlots.Add(captures.IndexOf(outer));
                }
                return read;
            });
            node.Inputs.AddRange(captures);
            node.CaptureCount = captures.Count;
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
            value.Container ??= declared.Container;
            return value;
        }

        private void ReadType(ValueInfoProto info, GraphValue value)
        {
            if (info.Type is null)
            {
                return;
            }
            var where = $"'{info.Name}'";
            var declared = ValueTypeReader.Read(info.Type, where);
            (value.Type, value.Container) = (declared.Element, declared.Container);
            // The shapes inside a subgraph follow from what it is called with; exporters often declare others.
            if (declared.Shape is not { } shape || parent is not null)
            {
                return;
            }
            value.Shape = [.. shape.Dim.Select(d =>
                d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? d.DimValue : -1)];
            value.DimNames = [.. shape.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : null)];
            if (value.Shape.Any(d => d < -1))
            {
                throw new ModelException(ModelError.InvalidShape,
                    $"{where} has a negative dimension in [{string.Join(',', value.Shape)}]");
            }
            reader.Limits.CountElements(value.Shape, where);
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

        private GraphValue Use(string name, string user) => Find(name) ?? throw new ModelException(
            ModelError.MissingTensor, $"{user} reads tensor '{name}', which no input, initializer or node provides");

        private GraphValue? Find(string name)
        {
            if (_values.TryGetValue(name, out var value) || parent?.Find(name) is not { } outer)
            {
                return value;
            }
            var inner = new GraphValue(name) { Type = outer.Type, Container = outer.Container };
            _values.Add(name, inner);
            _captures.Add((outer, inner));
            return inner;
        }
    }

    private TensorReader Tensors => tensors;

    private StoredModel Stored => stored;

    private ModelLimits Limits => stored.Limits;
}
