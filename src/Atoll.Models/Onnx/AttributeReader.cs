using Atoll.Models.Onnx;
using Kind = Atoll.Models.Onnx.AttributeProto.Types.AttributeType;

namespace Atoll.Models;

/// <summary>Turns stored attributes into typed ones.</summary>
internal static class AttributeReader
{
    public static NodeAttributes Read(NodeProto node, string where, TensorReader tensors)
    {
        var attributes = new NodeAttributes();
        foreach (var proto in node.Attribute)
        {
            if (proto.RefAttrName.Length > 0)
            {
                throw new ModelException(ModelError.InvalidAttribute,
                    $"{where}: attribute '{proto.Name}' refers to a function's attribute, outside any function");
            }
            if (attributes.Has(proto.Name))
            {
                throw new ModelException(ModelError.InvalidAttribute,
                    $"{where}: attribute '{proto.Name}' is given twice");
            }
            attributes.Set(proto.Name, Value(proto, where, tensors));
        }
        return attributes;
    }

    private static object Value(AttributeProto proto, string where, TensorReader tensors) => KindOf(proto) switch
    {
        Kind.Float => proto.F,
        Kind.Int => proto.I,
        Kind.String => proto.S.ToStringUtf8(),
        Kind.Tensor when proto.T is not null => tensors.Read(proto.T, $"{where}.{proto.Name}"),
        Kind.Floats => proto.Floats.ToArray(),
        Kind.Ints => proto.Ints.ToArray(),
        Kind.Strings => proto.Strings.Select(s => s.ToStringUtf8()).ToArray(),
        var kind => throw new ModelException(ModelError.InvalidAttribute,
            $"{where}: attribute '{proto.Name}' is of the kind {kind}, which no supported operator takes"),
    };

    /// <summary>Files of the first IR version leave the kind out; then the one field that is filled tells it.</summary>
    private static Kind KindOf(AttributeProto proto) => proto.Type != Kind.Undefined ? proto.Type
        : proto.T is not null ? Kind.Tensor
        : proto.Floats.Count > 0 ? Kind.Floats
        : proto.Ints.Count > 0 ? Kind.Ints
        : proto.Strings.Count > 0 ? Kind.Strings
        : proto.S.Length > 0 ? Kind.String
        : proto.F != 0 ? Kind.Float
        : proto.G is not null ? Kind.Graph
        : Kind.Int;
}
