using System.Text.Json.Nodes;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// A tensor outside of any model: row-major little-endian elements; strings as length-prefixed UTF-8.
/// </summary>
internal sealed record TensorValue(string Name, ElementType Type, long[] Shape, byte[] Data)
{
    public JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["datatype"] = ProtocolTypes.NameOf(Type),
        ["shape"] = new JsonArray([.. Shape.Select(dim => (JsonNode)dim)]),
        ["data"] = ElementCodec.Decode(Type, Data),
    };
}
