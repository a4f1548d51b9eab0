using System.IO.Compression;

namespace Atoll.Wire;

/// <summary>The ways to compress single messages, by their names in <c>grpc-encoding</c>.</summary>
internal static class MessageEncoding
{
    public const string Identity = "identity";

    /// <summary>Value of <c>grpc-accept-encoding</c>.</summary>
    public const string Accepted = "identity,gzip,deflate";

    public static bool IsKnown(string name) => name is Identity or "gzip" or "deflate";

    /// <summary>Whether a peer that sent this <c>grpc-accept-encoding</c> takes messages in an encoding.</summary>
    public static bool Accepts(string? accepted, string name) =>
        accepted is not null && accepted.Split(',', StringSplitOptions.TrimEntries).Contains(name);

    public static Stream Compressor(string name, Stream to) => name == "gzip"
        ? new GZipStream(to, CompressionLevel.Fastest, leaveOpen: true)
        : new ZLibStream(to, CompressionLevel.Fastest, leaveOpen: true);

    /// <summary>Fills <paramref name="to"/> with the decompressed bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are not of this encoding.</exception>
    /// <returns>False when they are more than <paramref name="limit"/>.</returns>
    public static bool TryDecompress(string name, ArraySegment<byte> bytes, PooledBytes to, int limit)
    {
        using var source = new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false);
        using Stream decompressor = name == "gzip"
            ? new GZipStream(source, CompressionMode.Decompress)
            : new ZLibStream(source, CompressionMode.Decompress);
        while (to.Length <= limit)
        {
            var read = decompressor.Read(to.GetSpan());
            if (read == 0)
            {
                return true;
            }

            to.Advance(read);
        }

        return false;
    }
}
