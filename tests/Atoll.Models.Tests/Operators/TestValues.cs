using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>Reads values of any kind from ONNX's test data and compares them.</summary>
internal static class TestValues
{
    private static readonly TensorReader Tensors = new(new ExternalData(null), ModelLimits.Default);

    /// <summary>The value in a file of a data set; which kind it is only the graph knows.</summary>
    public static ModelValue Read(string path, GraphValue declared)
    {
        if (declared.Container is not { } type)
        {
            // The data has bfloat16 as the whole numbers of their bits.
            var tensor = TensorReader.ReadFile(path, ModelLimits.Default);
            return declared.Type == ElementType.BFloat16 && tensor.Type == ElementType.UInt16
                ? new Tensor(declared.Type, tensor.Shape, tensor.Data) : tensor;
        }

        var bytes = File.ReadAllBytes(path);
        return type.Kind switch
        {
            ContainerKind.Sequence => Read(SequenceProto.Parser.ParseFrom(bytes), type),
            ContainerKind.Optional => Read(OptionalProto.Parser.ParseFrom(bytes), type),
            _ => throw new NotSupportedException($"{type}"),
        };
    }

    public static void Close(ModelValue expected, ModelValue actual, string what)
    {
        switch (expected, actual)
        {
            case (Tensor { Type: ElementType.String } e, Tensor { Type: ElementType.String } a):
                Assert.Equal(e.Shape, a.Shape);
                Assert.Equal(e.Strings(), a.Strings());
                break;
            case (Tensor e, Tensor a):
                TensorAssert.Close(e, a, OnnxTestData.RelativeTolerance, OnnxTestData.AbsoluteTolerance, what);
                break;
            case (ValueSequence e, ValueSequence a):
                Assert.True(e.Items.Count == a.Items.Count, $"{what} has {a.Items.Count} items, not {e.Items.Count}");
                for (var i = 0; i < e.Items.Count; i++)
                {
                    Close(e.Items[i], a.Items[i], $"{what}, item {i}");
                }

                break;
            case (OptionalValue e, OptionalValue a):
                Assert.True(e.Value is null == a.Value is null, $"{what} is absent in one of the two");
                if (e.Value is not null)
                {
                    Close(e.Value, a.Value!, what);
                }

                break;
            default:
                Assert.Fail($"{what} is {actual.Container?.ToString() ?? "a tensor"}");
                break;
        }
    }

    private static ValueSequence Read(SequenceProto proto, ContainerType type) => new(type,
        [.. proto.TensorValues.Select(t => Tensors.Read(t, t.Name))]);

    private static OptionalValue Read(OptionalProto proto, ContainerType type) => new(type,
        proto.SequenceValue is { } sequence ? Read(sequence, type.Item!)
        : proto.TensorValue is { } tensor ? Tensors.Read(tensor, tensor.Name) : null);
}
