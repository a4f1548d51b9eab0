using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>
/// Builds an ONNX model node by node in execution order. A node's first output is named after the node; initializers
/// are described by plans and made only when <see cref="OnnxWriter"/> writes them.
/// </summary>
internal sealed class OnnxModelBuilder(string name, int opset)
{
    private const int IrVersion = 8;

    /// <summary>
    /// Name of the dimension that inputs and outputs of shape 0 leave open, the same for all; -1 leaves one open for
    /// itself.
    /// </summary>
    private const string OpenDimension = "N";

    private readonly GraphProto _graph = new() { Name = name };
    private readonly List<InitializerPlan> _initializers = [];
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    public IReadOnlyList<InitializerPlan> Initializers => _initializers;

    /// <summary>Everything but the initializers.</summary>
    public GraphProto Graph => _graph;

    /// <summary>Trained values; batch-norm statistics and shape constants are not among them.</summary>
    public long ParameterCount { get; private set; }

    public string Input(string value, ElementType type, params long[] shape)
    {
        _graph.Input.Add(Describe(value, type, shape));
        return value;
    }

    public string Node(
        string operatorType, string nodeName, IEnumerable<string> inputs, params IEnumerable<AttributeProto> attributes)
    {
        var node = new NodeProto { Name = nodeName, OpType = operatorType };
        node.Input.AddRange(inputs);
        node.Output.Add(nodeName + "_out");
        node.Attribute.AddRange(attributes);
        _graph.Node.Add(node);
        return node.Output[0];
    }

    /// <summary>Equal parts of a value along an axis.</summary>
    public string[] Split(string nodeName, string value, int axis, int parts) =>
        AddSplit(nodeName, [value], axis, parts);

    /// <summary>Parts of the given sizes of a value along an axis.</summary>
    public string[] Split(string nodeName, string value, int axis, long[] sizes) => AddSplit(nodeName,
        [value, Constant($"{nodeName}.sizes", Tensor.Int64([sizes.Length], sizes))], axis, sizes.Length);

    /// <summary>Makes the last node's value an output of the graph under the given name, which it returns.</summary>
    public string OutputLast(string value, ElementType type, params long[] shape)
    {
        _graph.Node[^1].Output[0] = value;
        Output(value, type, shape);
        return value;
    }

    /// <summary>Makes a value an output of the graph.</summary>
    public void Output(string value, ElementType type, params long[] shape) =>
        _graph.Output.Add(Describe(value, type, shape));

    /// <summary>The name of a float constant that several nodes read.</summary>
    public string Shared(string tensorName, float value) =>
        _initializers.Exists(i => i.Name == tensorName)
        ? tensorName : Constant(tensorName, Tensor.Float([], [value]));

    /// <summary>
    /// A trained tensor; its fill gets a generator of its own from the seed and the tensor's place in the model.
    /// </summary>
    public string Parameter(string tensorName, long[] shape, int seed, Action<WeightGenerator, Span<float>> fill)
    {
        var plan = Statistic(tensorName, shape, seed, fill);
        ParameterCount += plan.ElementCount;
        return tensorName;
    }

    /// <summary>A float tensor that is not trained.</summary>
    public InitializerPlan Statistic(
        string tensorName, long[] shape, int seed, Action<WeightGenerator, Span<float>> fill)
    {
        var index = _initializers.Count;
        var plan = InitializerPlan.Filled(tensorName, shape, () =>
        {
            var generator = new WeightGenerator(seed, index);
            return chunk => fill(generator, chunk);
        });
        _initializers.Add(plan);
        return plan;
    }

    public string Constant(string tensorName, Tensor tensor, bool trained = false)
    {
        _initializers.Add(InitializerPlan.Constant(tensorName, tensor));
        ParameterCount += trained ? tensor.ElementCount : 0;
        return tensorName;
    }

    public void Metadata(string key, string value) => _metadata[key] = value;

    /// <summary>The model without its graph.</summary>
    public ModelProto Envelope()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "atoll", ProducerVersion = "1" };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        foreach (var (key, value) in _metadata)
        {
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        }

        return model;
    }

    private string[] AddSplit(string nodeName, IEnumerable<string> inputs, int axis, int parts)
    {
        Node("Split", nodeName, inputs, OnnxAttribute.Int("axis", axis));
        string[] outputs = [.. Enumerable.Range(0, parts).Select(i => $"{nodeName}_out{i}")];
        _graph.Node[^1].Output.Clear();
        _graph.Node[^1].Output.AddRange(outputs);
        return outputs;
    }

    private static ValueInfoProto Describe(string value, ElementType type, long[] shape)
    {
        var dims = new TensorShapeProto();
        dims.Dim.AddRange(shape.Select(d => d switch
        {
            0 => new TensorShapeProto.Types.Dimension { DimParam = OpenDimension },
            < 0 => new TensorShapeProto.Types.Dimension(),
            _ => new TensorShapeProto.Types.Dimension { DimValue = d },
        }));
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dims };
        return new ValueInfoProto { Name = value, Type = new TypeProto { TensorType = tensor } };
    }
}
