using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Atoll.Models;

namespace Atoll;

/// <summary>Elements as JSON values and as little-endian bytes.</summary>
internal static class ElementCodec
{
    /// <summary>Bytes of a flat list of JSON numbers, booleans or strings.</summary>
    /// <exception cref="UsageException">A value is not of the type.</exception>
    public static byte[] Encode(ElementType type, IReadOnlyList<JsonElement> values)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        foreach (var value in values)
        {
            try
            {
                Write(writer, type, value);
            }
            catch (Exception exception) when (exception is FormatException or InvalidOperationException)
            {
                throw new UsageException($"{value.GetRawText()} is not a {ProtocolTypes.NameOf(type)}", exception);
            }
        }

        writer.Flush();
        return bytes.ToArray();
    }

    public static JsonArray Decode(ElementType type, ReadOnlySpan<byte> data) => type switch
    {
        ElementType.Bool => Values<byte>(data, value => JsonValue.Create(value != 0)),
        ElementType.UInt8 => Values<byte>(data, value => JsonValue.Create(value)),
        ElementType.UInt16 => Values<ushort>(data, value => JsonValue.Create(value)),
        ElementType.UInt32 => Values<uint>(data, value => JsonValue.Create(value)),
        ElementType.UInt64 => Values<ulong>(data, value => JsonValue.Create(value)),
        ElementType.Int8 => Values<sbyte>(data, value => JsonValue.Create(value)),
        ElementType.Int16 => Values<short>(data, value => JsonValue.Create(value)),
        ElementType.Int32 => Values<int>(data, value => JsonValue.Create(value)),
        ElementType.Int64 => Values<long>(data, value => JsonValue.Create(value)),
        ElementType.Float16 => Values<Half>(data, value => Real((double)value)),
        ElementType.BFloat16 => Values<ushort>(data, value => Real(BitConverter.Int32BitsToSingle(value << 16))),
        ElementType.Float32 => Values<float>(data, Real),
        ElementType.Float64 => Values<double>(data, Real),
        ElementType.String => Strings(data),
        _ => throw new UsageException($"element type {type} cannot be printed"),
    };

    private static void Write(BinaryWriter writer, ElementType type, JsonElement value)
    {
        switch (type)
        {
            case ElementType.Bool: writer.Write(value.GetBoolean()); break;
            case ElementType.UInt8: writer.Write(value.GetByte()); break;
            case ElementType.UInt16: writer.Write(value.GetUInt16()); break;
            case ElementType.UInt32: writer.Write(value.GetUInt32()); break;
            case ElementType.UInt64: writer.Write(value.GetUInt64()); break;
            case ElementType.Int8: writer.Write(value.GetSByte()); break;
            case ElementType.Int16: writer.Write(value.GetInt16()); break;
            case ElementType.Int32: writer.Write(value.GetInt32()); break;
            case ElementType.Int64: writer.Write(value.GetInt64()); break;
            case ElementType.Float16: writer.Write((Half)value.GetDouble()); break;
            case ElementType.Float32: writer.Write(value.GetSingle()); break;
            case ElementType.Float64: writer.Write(value.GetDouble()); break;
            case ElementType.String:
                var text = Encoding.UTF8.GetBytes(value.GetString()!);
                writer.Write(text.Length);
                writer.Write(text);
                break;
            default: throw new UsageException($"{type} cannot be given as JSON: use a .npy file");
        }
    }

    private static JsonArray Values<T>(ReadOnlySpan<byte> data, Func<T, JsonNode?> convert)
        where T : unmanaged
    {
        var array = new JsonArray();
        foreach (var value in MemoryMarshal.Cast<byte, T>(data))
        {
            array.Add(convert(value));
        }

        return array;
    }

    private static JsonValue Real(float value) =>
        float.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString());

    // JSON has no NaN and no infinity; they are printed as strings.
    private static JsonValue Real(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString());

    private static JsonArray Strings(ReadOnlySpan<byte> data)
    {
        var array = new JsonArray();
        while (data.Length >= 4)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(data);
            array.Add(Encoding.UTF8.GetString(data.Slice(4, length)));
            data = data[(4 + length)..];
        }

        return array;
    }
}
