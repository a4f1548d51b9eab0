using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>Attributes of a node that is being built.</summary>
internal static class OnnxAttribute
{
    public static AttributeProto Int(string name, long value) =>
        new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    public static AttributeProto Float(string name, float value) =>
        new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    public static AttributeProto Text(string name, string value) => new()
    {
        Name = name,
        S = Google.Protobuf.ByteString.CopyFromUtf8(value),
        Type = AttributeProto.Types.AttributeType.String,
    };

    public static AttributeProto Ints(string name, params IEnumerable<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.AddRange(values);
        return attribute;
    }
}
