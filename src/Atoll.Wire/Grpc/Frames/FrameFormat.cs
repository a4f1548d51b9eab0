using System.Buffers;
using System.Buffers.Binary;

namespace Atoll.Wire;

/// <summary>
/// A message on the wire: one byte, 0 plain or 1 compressed; its length as big-endian u32; its bytes.
/// </summary>
internal static class FrameFormat
{
    public const int PrefixBytes = 5;

    /// <summary>Messages below this size are not worth compressing.</summary>
    private const int LeastCompressedBytes = 512;

    /// <summary>Appends one message; it is compressed when <paramref name="encoding"/> is given and it pays.</summary>
    public static void Write<T>(PooledBytes to, T message, MessageCodec<T> codec, string? encoding)
    {
        var start = to.Length;
        to.GetSpan(PrefixBytes)[..PrefixBytes].Clear();
        to.Advance(PrefixBytes);
        codec.Write(message, to);
        var size = to.Length - start - PrefixBytes;
        if (encoding is not null and not MessageEncoding.Identity && size >= LeastCompressedBytes)
        {
            Compress(to, start, encoding);
            return;
        }

        BinaryPrimitives.WriteUInt32BigEndian(to.Written[(start + 1)..], (uint)size);
    }

    /// <summary>The flag and the length of the message that begins here.</summary>
    public static (byte Flag, uint Length) ReadPrefix(ReadOnlySequence<byte> bytes)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        bytes.Slice(0, PrefixBytes).CopyTo(prefix);
        return (prefix[0], BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]));
    }

    private static void Compress(PooledBytes to, int start, string encoding)
    {
        var plain = to.Written[(start + PrefixBytes)..];
        using var compressed = new PooledBytes(int.Max(plain.Length / 2, LeastCompressedBytes));
        using (var compressor = MessageEncoding.Compressor(encoding, new PooledBytesStream(compressed)))
        {
            compressor.Write(plain);
        }

        var pays = compressed.Length < plain.Length;
        if (pays)
        {
            compressed.Memory.Span.CopyTo(plain);
            to.Truncate(start + PrefixBytes + compressed.Length);
            to.Written[start] = 1;
        }

        BinaryPrimitives.WriteUInt32BigEndian(
            to.Written[(start + 1)..], (uint)(to.Length - start - PrefixBytes));
    }
}
