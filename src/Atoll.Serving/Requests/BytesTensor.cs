using System.Buffers.Binary;
using System.Text.Json;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// The wire form of BYTES tensors: each element is its length as a little-endian u32, then so many bytes.
/// </summary>
internal static class BytesTensor
{
    private const int LengthBytes = 4;

    /// <summary>Number of elements; -1 when the data does not end with an element.</summary>
    public static long Count(ReadOnlySpan<byte> data)
    {
        var count = 0L;
        while (TryRead(ref data, out _))
        {
            count++;
        }

        return data.IsEmpty ? count : -1;
    }

    /// <summary>Takes the first element off the data; false at the end, or when what is left is no element.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> data, out ReadOnlySpan<byte> element)
    {
        element = default;
        if (data.Length < LengthBytes)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (length > data.Length - LengthBytes)
        {
            return false;
        }

        element = data.Slice(LengthBytes, (int)length);
        data = data[(LengthBytes + (int)length)..];
        return true;
    }

    public static void Append(PooledBytes to, ReadOnlySpan<byte> element)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to.GetSpan(LengthBytes), (uint)element.Length);
        to.Advance(LengthBytes);
        element.CopyTo(to.GetSpan(element.Length));
        to.Advance(element.Length);
    }

    /// <summary>Appends the JSON string at which the reader stands, unescaped.</summary>
    public static void Append(PooledBytes to, ref Utf8JsonReader json)
    {
        var most = json.ValueSpan.Length;
        var target = to.GetSpan(LengthBytes + most);
        var length = json.CopyString(target[LengthBytes..]);
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)length);
        to.Advance(LengthBytes + length);
    }
}
