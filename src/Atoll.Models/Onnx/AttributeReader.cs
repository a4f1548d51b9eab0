using Atoll.Models.Onnx;
using Kind = Atoll.Models.Onnx.AttributeProto.Types.AttributeType;

namespace Atoll.Models;

/// <summary>Turns stored attributes into typed ones.</summary>
internal static class AttributeReader
{
    /// <param name="attributes">Where they go.</param>
    /// <param name="node">The node whose attributes are read.</param>
    /// <param name="where">The node, for errors.</param>
    /// <param name="tensors">Reads tensors.</param>
    /// <param name="graphs">Reads subgraphs.</param>
    public static void Read(NodeAttributes attributes, NodeProto node, string where, TensorReader tensors,
        Func<GraphProto, Graph> graphs)
    {
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
            attributes.Set(proto.Name, Value(proto, where, tensors, graphs));
        }
    }

    private static object Value(AttributeProto proto, string where, TensorReader tensors,
        Func<GraphProto, Graph> graphs) => KindOf(proto) switch
    {
        Kind.Graph when proto.G is not null => graphs(proto.G),
        Kind.TypeProto when proto.Tp is not null => ValueTypeReader.Read(proto.Tp, $"{where}.{proto.Name}"),
        Kind.Float => proto.F,
        Kind.Int => proto.I,
        Kind.String => proto.S.ToStringUtf8(),
        Kind.Tensor when proto.T is not null => tensors.Read(proto.T, $"{where}.{proto.Name}"),
        Kind.SparseTensor when proto.SparseTensor is not null =>
            SparseTensors.Read(proto.SparseTensor, tensors, $"{where}.{proto.Name}"),
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
