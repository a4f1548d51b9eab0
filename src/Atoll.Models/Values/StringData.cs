using System.Buffers.Binary;
using System.Text;

namespace Atoll.Models;

/// <summary>
/// The stored form of string tensors, which is also the wire form of the Open Inference Protocol: for each element its
/// length in bytes (unsigned, 32 bits, little-endian) and its UTF-8 bytes.
/// </summary>
public static class StringData
{
    private const int LengthBytes = sizeof(uint);

    /// <summary>Number of elements, or -1 where the last one is cut off.</summary>
    public static long Count(ReadOnlySpan<byte> data)
    {
        var count = 0L;
        while (data.Length >= LengthBytes)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
            if (length > data.Length - LengthBytes)
            {
                return -1;
            }

            data = data[(LengthBytes + (int)length)..];
            count++;
        }

        return data.IsEmpty ? count : -1;
    }

    public static byte[] Encode(IReadOnlyCollection<string> values)
    {
        var data = new byte[values.Sum(v => (long)LengthBytes + Encoding.UTF8.GetByteCount(v))];
        var at = 0;
        foreach (var value in values)
        {
            var length = Encoding.UTF8.GetBytes(value, data.AsSpan(at + LengthBytes));
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(at), (uint)length);
            at += LengthBytes + length;
        }

        return data;
    }

    /// <summary>The elements; bytes that are no UTF-8 become replacement characters.</summary>
    /// <exception cref="ArgumentException">The last element is cut off.</exception>
    public static string[] Decode(ReadOnlySpan<byte> data)
    {
        var count = Count(data);
        if (count < 0)
        {
            throw new ArgumentException("the last string is cut off");
        }

        var values = new string[count];
        for (var i = 0; i < values.Length; i++)
        {
            var length = (int)BinaryPrimitives.ReadUInt32LittleEndian(data);
            values[i] = Encoding.UTF8.GetString(data.Slice(LengthBytes, length));
            data = data[(LengthBytes + length)..];
        }

        return values;
    }
}
