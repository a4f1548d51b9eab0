using Atoll.Models.Onnx;
using Google.Protobuf;
using Kind = Atoll.Models.Onnx.AttributeProto.Types.AttributeType;

namespace Atoll.Models.Tests;

/// <summary>Writes a graph as an ONNX file, so that another engine can run it.</summary>
internal static class GraphExport
{
    public static byte[] ToOnnx(Graph graph, int opset)
    {
        var proto = new GraphProto { Name = "test" };
        proto.Input.AddRange(graph.Inputs.Select(Declare));
        proto.Output.AddRange(graph.Outputs.Select(Declare));
        // A value that follows from shapes alone is constant too, but its node makes it.
        proto.Initializer.AddRange(graph.Nodes.SelectMany(n => n.Inputs)
            .Where(v => v is { IsConstant: true, Producer: null }).Distinct().Select(v => Store(v!)));
        proto.Node.AddRange(graph.Nodes.Select(Write));
        return new ModelProto
        {
            IrVersion = 8, Graph = proto, OpsetImport = { new OperatorSetIdProto { Version = opset } },
        }.ToByteArray();
    }

    private static NodeProto Write(GraphNode node) => new()
    {
        Name = node.Name, OpType = node.Operator, Input = { node.Inputs.Select(v => v?.Name ?? "") },
        Output = { node.Outputs.Select(v => v?.Name ?? "") },
        Attribute = { node.Attributes.Names.Select(n => Write(n, node.Attributes.Raw(n)!)) },
    };

    private static AttributeProto Write(string name, object value) => value switch
    {
        long number => new() { Name = name, Type = Kind.Int, I = number },
        float number => new() { Name = name, Type = Kind.Float, F = number },
        string text => new() { Name = name, Type = Kind.String, S = ByteString.CopyFromUtf8(text) },
        long[] numbers => new() { Name = name, Type = Kind.Ints, Ints = { numbers } },
        float[] numbers => new() { Name = name, Type = Kind.Floats, Floats = { numbers } },
        Tensor tensor => new() { Name = name, Type = Kind.Tensor, T = Store(tensor) },
        _ => throw new NotSupportedException($"attribute '{name}' is a {value.GetType().Name}"),
    };

    private static TensorProto Store(GraphValue value)
    {
        var stored = Store(value.Constant!);
        stored.Name = value.Name;
        return stored;
    }

    private static TensorProto Store(Tensor tensor) => new()
    {
        DataType = (int)tensor.Type, Dims = { tensor.Shape }, RawData = ByteString.CopyFrom(tensor.Data),
    };

    private static ValueInfoProto Declare(GraphValue value)
    {
        var type = new TypeProto.Types.Tensor { ElemType = (int)value.Type };
        if (value.Shape is { } shape)
        {
            type.Shape = new TensorShapeProto();
            type.Shape.Dim.AddRange(shape.Select((d, i) => d < 0
                ? new TensorShapeProto.Types.Dimension { DimParam = $"{value.Name}_{i}" }
                : new TensorShapeProto.Types.Dimension { DimValue = d }));
        }

        return new ValueInfoProto { Name = value.Name, Type = new TypeProto { TensorType = type } };
    }
}
