using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models.Tests;

/// <summary>Builds small ONNX files for tests, well formed unless a test breaks them.</summary>
internal sealed class ProtoModel
{
    public ProtoModel(int opset = 13)
    {
        Proto.OpsetImport.Add(new OperatorSetIdProto { Version = opset });
        Proto.Graph = new GraphProto { Name = "test" };
    }

    public ModelProto Proto { get; } = new() { IrVersion = 8, ProducerName = "tests" };

    public GraphProto Graph => Proto.Graph;

    public ProtoModel Input(string name, params long[] shape)
    {
        Graph.Input.Add(Value(name, shape));
        return this;
    }

    public ProtoModel Output(string name, params long[] shape)
    {
        Graph.Output.Add(Value(name, shape));
        return this;
    }

    public ProtoModel Float(string name, long[] shape, params float[] values)
    {
        Graph.Initializer.Add(new TensorProto { Name = name, DataType = 1, Dims = { shape }, FloatData = { values } });
        return this;
    }

    public ProtoModel Int64(string name, long[] shape, params long[] values)
    {
        Graph.Initializer.Add(new TensorProto { Name = name, DataType = 7, Dims = { shape }, Int64Data = { values } });
        return this;
    }

    public ProtoModel Node(string op, string inputs, string outputs, params AttributeProto[] attributes)
    {
        Graph.Node.Add(new NodeProto
        {
            OpType = op, Name = $"{op}_{Graph.Node.Count}", Input = { Split(inputs) }, Output = { Split(outputs) },
            Attribute = { attributes },
        });
        return this;
    }

    public static AttributeProto Ints(string name, params long[] values) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    public static AttributeProto Int(string name, long value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    /// <summary>A value of float32; -1 makes a dimension unknown, a shape of nothing makes a scalar.</summary>
    public static ValueInfoProto Value(string name, params long[] shape)
    {
        var dims = new TensorShapeProto();
        foreach (var dim in shape)
        {
            dims.Dim.Add(dim == -1 ? new TensorShapeProto.Types.Dimension { DimParam = $"{name}_{dims.Dim.Count}" }
                : new TensorShapeProto.Types.Dimension { DimValue = dim });
        }
        return new ValueInfoProto
        {
            Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1,
                Shape = dims } },
        };
    }

    public byte[] ToBytes() => Proto.ToByteArray();

    public OnnxModel Load(ModelLimits? limits = null) => Load(ToBytes(), limits);

    public static OnnxModel Load(byte[] bytes, ModelLimits? limits = null) =>
        OnnxModel.Load(new MemoryStream(bytes), "test.onnx", limits);

    /// <summary>
    /// Two convolutions, a pool, shape arithmetic and a product: something of each kind for the fuzzer.
    /// </summary>
    public static ProtoModel Mixed() => new ProtoModel()
        .Input("x", -1, 2, 6, 6)
        .Float("w", [3, 2, 3, 3], [.. Enumerable.Range(0, 54).Select(i => (i % 7 - 3) / 8f)])
        .Float("b", [3], 0.1f, 0.2f, 0.3f)
        .Float("m", [27, 4], [.. Enumerable.Range(0, 108).Select(i => (i % 5 - 2) / 9f)])
        .Int64("zero", [1], 0).Int64("rest", [1], -1)
        .Node("Conv", "x w b", "c", Ints("pads", 1, 1, 1, 1))
        .Node("Relu", "c", "r")
        .Node("MaxPool", "r", "p", Ints("kernel_shape", 2, 2), Ints("strides", 2, 2))
        .Node("Shape", "x", "s")
        .Node("Gather", "s zero", "n", Int("axis", 0))
        .Node("Concat", "n rest", "t", Int("axis", 0))
        .Node("Reshape", "p t", "f")
        .Node("MatMul", "f m", "z")
        .Node("Softmax", "z", "y", Int("axis", -1))
        .Output("y", -1, 4);

    /// <summary>A loop with a branch inside, strings and a sequence: what runs on the host, for the fuzzer.</summary>
    public static ProtoModel Controlled()
    {
        var then = Part("then", "", "p", new NodeProto { OpType = "Add", Input = { "v", "w" }, Output = { "p" } });
        var other = Part("else", "", "q", new NodeProto { OpType = "Mul", Input = { "v", "w" }, Output = { "q" } });
        var body = Part("body", "i go v", "go r r",
            new NodeProto { OpType = "Cast", Input = { "i" }, Output = { "odd" }, Attribute = { Int("to", 9) } },
            new NodeProto
            {
                OpType = "If", Input = { "odd" }, Output = { "r" },
                Attribute = { Subgraph("then_branch", then), Subgraph("else_branch", other) },
            });
        body.Node.Add(new NodeProto { OpType = "Identity", Input = { "r" }, Output = { "r2" } });
        body.Output[2].Name = "r2";
        return new ProtoModel().Input("x", 2, 2).Float("w", [2, 2], 1, 2, 3, 4).Int64("n", [], 3).Int64("zero", [], 0)
            .Node("Loop", "n - x", "last all", Subgraph("body", body))
            .Node("SplitToSequence", "all", "parts", Int("axis", 0))
            .Node("SequenceAt", "parts zero", "first")
            .Node("Cast", "last", "text", Int("to", 8)).Node("Cast", "text", "back", Int("to", 1))
            .Node("NonZero", "back", "places").Node("Cast", "places", "f", Int("to", 1))
            .Output("f", 2, -1).Output("first", 1, 2, 2);
    }

    public static AttributeProto Subgraph(string name, GraphProto graph) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph };

    private static GraphProto Part(string name, string inputs, string outputs, params NodeProto[] nodes) => new()
    {
        Name = name, Node = { nodes },
        Input = { Split(inputs).Select(i => new ValueInfoProto { Name = i }) },
        Output = { Split(outputs).Select(o => new ValueInfoProto { Name = o }) },
    };

    private static string[] Split(string names) =>
        names.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(n => n == "-" ? "" : n).ToArray();
}
