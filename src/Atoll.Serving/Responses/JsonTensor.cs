using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>Writes tensor elements as a flat JSON array.</summary>
internal static class JsonTensor
{
    /// <summary>False when the type or one of the values has no JSON form; then the array is unfinished.</summary>
    public static bool TryWrite(Utf8JsonWriter json, ElementType type, ReadOnlySpan<byte> data)
    {
        json.WriteStartArray();
        var written = type switch
        {
            ElementType.Float32 => WriteSingles(json, Cast<float>(data)),
            ElementType.Float64 => WriteDoubles(json, Cast<double>(data)),
            ElementType.Bool => WriteBools(json, data),
            ElementType.Int8 => WriteSigned(json, Cast<sbyte>(data)),
            ElementType.Int16 => WriteSigned(json, Cast<short>(data)),
            ElementType.Int32 => WriteSigned(json, Cast<int>(data)),
            ElementType.Int64 => WriteSigned(json, Cast<long>(data)),
            ElementType.UInt8 => WriteUnsigned(json, data),
            ElementType.UInt16 => WriteUnsigned(json, Cast<ushort>(data)),
            ElementType.UInt32 => WriteUnsigned(json, Cast<uint>(data)),
            ElementType.UInt64 => WriteUnsigned(json, Cast<ulong>(data)),
            ElementType.String => WriteStrings(json, data),
            _ => false,
        };
        if (written)
        {
            json.WriteEndArray();
        }

        return written;
    }

    /// <summary>Writes one element as a value and anything else as a flat array; false as above.</summary>
    public static bool TryWriteValue(
        Utf8JsonWriter json, ElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<byte> data)
    {
        if (DataTypes.Count(shape, int.MaxValue) != 1)
        {
            return TryWrite(json, type, data);
        }

        using var text = new PooledBytes(64);
        using (var array = new Utf8JsonWriter(text))
        {
            if (!TryWrite(array, type, data))
            {
                return false;
            }
        }

        json.WriteRawValue(text.Memory.Span[1..^1], skipInputValidation: true);
        return true;
    }

    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> data) where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(data);

    private static bool WriteStrings(Utf8JsonWriter json, ReadOnlySpan<byte> data)
    {
        while (BytesTensor.TryRead(ref data, out var element))
        {
            if (!Utf8.IsValid(element))
            {
                return false;
            }

            json.WriteStringValue(element);
        }

        return true;
    }

    private static bool WriteSingles(Utf8JsonWriter json, ReadOnlySpan<float> data)
    {
        foreach (var value in data)
        {
            if (!float.IsFinite(value))
            {
                return false;
            }

            json.WriteNumberValue(value);
        }

        return true;
    }

    private static bool WriteDoubles(Utf8JsonWriter json, ReadOnlySpan<double> data)
    {
        foreach (var value in data)
        {
            if (!double.IsFinite(value))
            {
                return false;
            }

            json.WriteNumberValue(value);
        }

        return true;
    }

    private static bool WriteBools(Utf8JsonWriter json, ReadOnlySpan<byte> data)
    {
        foreach (var value in data)
        {
            json.WriteBooleanValue(value != 0);
        }

        return true;
    }

    private static bool WriteSigned<T>(Utf8JsonWriter json, ReadOnlySpan<T> data)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        foreach (var value in data)
        {
            json.WriteNumberValue(long.CreateChecked(value));
        }

        return true;
    }

    private static bool WriteUnsigned<T>(Utf8JsonWriter json, ReadOnlySpan<T> data)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        foreach (var value in data)
        {
            json.WriteNumberValue(ulong.CreateChecked(value));
        }

        return true;
    }
}
