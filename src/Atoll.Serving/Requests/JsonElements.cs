using System.Runtime.InteropServices;
using System.Text.Json;
using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>Reads one JSON element of a tensor as T.</summary>
internal interface IJsonElement<T>
{
    static abstract bool TryRead(ref Utf8JsonReader json, out T value);
}

/// <summary>
/// Reads tensor data, nested or flat, from JSON straight into the tensor's bytes, without a document.
/// </summary>
internal static class JsonElements
{
    /// <summary>
    /// Reads the array at which the reader stands; the answer is the number of elements, which is one more than fit
    /// when there are too many.
    /// </summary>
    /// <exception cref="RequestException">The type has no JSON form or an element is not of it.</exception>
    public static int Read(ref Utf8JsonReader json, ElementType type, Span<byte> data, string input) => type switch
    {
        ElementType.Float32 => Fill<float, Single>(ref json, data, type, input),
        ElementType.Float64 => Fill<double, Double>(ref json, data, type, input),
        ElementType.Int8 => Fill<sbyte, Int8>(ref json, data, type, input),
        ElementType.Int16 => Fill<short, Int16>(ref json, data, type, input),
        ElementType.Int32 => Fill<int, Int32>(ref json, data, type, input),
        ElementType.Int64 => Fill<long, Int64>(ref json, data, type, input),
        ElementType.UInt8 => Fill<byte, UInt8>(ref json, data, type, input),
        ElementType.UInt16 => Fill<ushort, UInt16>(ref json, data, type, input),
        ElementType.UInt32 => Fill<uint, UInt32>(ref json, data, type, input),
        ElementType.UInt64 => Fill<ulong, UInt64>(ref json, data, type, input),
        ElementType.Bool => Fill<byte, Bool>(ref json, data, type, input),
        _ => throw RequestException.BadRequest(
            $"input '{input}': {DataTypes.NameOf(type)} has no JSON form; send it as binary (binary_data_size)"),
    };

    /// <summary>Reads strings, nested or flat, in the wire form of BYTES; stops at one more than expected.</summary>
    /// <exception cref="RequestException">An element is not a string.</exception>
    public static int ReadStrings(ref Utf8JsonReader json, PooledBytes data, int expected, string input)
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            throw RequestException.BadRequest($"input '{input}': data must be an array");
        }

        var count = 0;
        for (var depth = 1; depth > 0 && count <= expected && json.Read();)
        {
            switch (json.TokenType)
            {
                case JsonTokenType.StartArray:
                    depth++;
                    break;
                case JsonTokenType.EndArray:
                    depth--;
                    break;
                case JsonTokenType.String:
                    BytesTensor.Append(data, ref json);
                    count++;
                    break;
                default:
                    throw RequestException.BadRequest(
                        $"input '{input}': element {count} of data is not a BYTES string");
            }
        }

        return count;
    }

    private static int Fill<T, TElement>(ref Utf8JsonReader json, Span<byte> bytes, ElementType type, string input)
        where T : unmanaged
        where TElement : struct, IJsonElement<T>
    {
        var data = MemoryMarshal.Cast<byte, T>(bytes);
        if (json.TokenType != JsonTokenType.StartArray)
        {
            throw RequestException.BadRequest($"input '{input}': data must be an array");
        }

        var count = 0;
        for (var depth = 1; depth > 0 && json.Read();)
        {
            switch (json.TokenType)
            {
                case JsonTokenType.StartArray:
                    depth++;
                    break;
                case JsonTokenType.EndArray:
                    depth--;
                    break;
                default:
                    if (!TElement.TryRead(ref json, out var value))
                    {
                        throw RequestException.BadRequest(
                            $"input '{input}': element {count} of data is not a {DataTypes.NameOf(type)}");
                    }

                    if (count == data.Length)
                    {
                        return count + 1;
                    }

                    data[count++] = value;
                    break;
            }
        }

        return count;
    }

    private readonly struct Single : IJsonElement<float>
    {
        public static bool TryRead(ref Utf8JsonReader json, out float value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetSingle(out value) && float.IsFinite(value);
        }
    }

    private readonly struct Double : IJsonElement<double>
    {
        public static bool TryRead(ref Utf8JsonReader json, out double value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetDouble(out value) && double.IsFinite(value);
        }
    }

    private readonly struct Int8 : IJsonElement<sbyte>
    {
        public static bool TryRead(ref Utf8JsonReader json, out sbyte value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetSByte(out value);
        }
    }

    private readonly struct Int16 : IJsonElement<short>
    {
        public static bool TryRead(ref Utf8JsonReader json, out short value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetInt16(out value);
        }
    }

    private readonly struct Int32 : IJsonElement<int>
    {
        public static bool TryRead(ref Utf8JsonReader json, out int value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetInt32(out value);
        }
    }

    private readonly struct Int64 : IJsonElement<long>
    {
        public static bool TryRead(ref Utf8JsonReader json, out long value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetInt64(out value);
        }
    }

    private readonly struct UInt8 : IJsonElement<byte>
    {
        public static bool TryRead(ref Utf8JsonReader json, out byte value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetByte(out value);
        }
    }

    private readonly struct UInt16 : IJsonElement<ushort>
    {
        public static bool TryRead(ref Utf8JsonReader json, out ushort value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetUInt16(out value);
        }
    }

    private readonly struct UInt32 : IJsonElement<uint>
    {
        public static bool TryRead(ref Utf8JsonReader json, out uint value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetUInt32(out value);
        }
    }

    private readonly struct UInt64 : IJsonElement<ulong>
    {
        public static bool TryRead(ref Utf8JsonReader json, out ulong value)
        {
            value = 0;
            return json.TokenType == JsonTokenType.Number && json.TryGetUInt64(out value);
        }
    }

    /// <summary>true and false; some clients send 1 and 0.</summary>
    private readonly struct Bool : IJsonElement<byte>
    {
        public static bool TryRead(ref Utf8JsonReader json, out byte value)
        {
            value = json.TokenType == JsonTokenType.True ? (byte)1 : (byte)0;
            return json.TokenType is JsonTokenType.True or JsonTokenType.False ||
                (json.TokenType == JsonTokenType.Number && json.TryGetByte(out value) && value <= 1);
        }
    }
}
