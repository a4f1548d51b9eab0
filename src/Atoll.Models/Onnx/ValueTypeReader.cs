using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>A declared type: of a tensor, whose shape may be unknown, or of a container.</summary>
internal sealed record DeclaredType(ElementType Element, ContainerType? Container, TensorShapeProto? Shape);

/// <summary>Reads declared types of values.</summary>
internal static class ValueTypeReader
{
    /// <exception cref="ModelException">Sparse tensors and types that the standard does not have are
    /// refused.</exception>
    public static DeclaredType Read(TypeProto type, string where)
    {
        if (type.ValueCase == TypeProto.ValueOneofCase.None)
        {
            return new DeclaredType(ElementType.Undefined, null, null);
        }
        if (type.TensorType is { } tensor)
        {
            return new DeclaredType(TensorReader.TypeOf(tensor.ElemType, where), null, tensor.Shape);
        }
        var container = ReadContainer(type, where);
        return new DeclaredType(container.Element, container, null);
    }

    private static ContainerType ReadContainer(TypeProto type, string where)
    {
        var (kind, item) = type.ValueCase switch
        {
            TypeProto.ValueOneofCase.SequenceType => (ContainerKind.Sequence, type.SequenceType.ElemType),
            TypeProto.ValueOneofCase.OptionalType => (ContainerKind.Optional, type.OptionalType.ElemType),
            TypeProto.ValueOneofCase.MapType => (ContainerKind.Map, type.MapType.ValueType),
            _ => throw new ModelException(ModelError.UnsupportedType,
                $"{where} is a {type.ValueCase}, which is not supported"),
        };
        if (item is null)
        {
            return new ContainerType(kind, ElementType.Undefined);
        }
        var inner = Read(item, where);
        return new ContainerType(kind, inner.Element, inner.Container);
    }
}
