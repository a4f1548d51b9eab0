using System.IO.Compression;
using Atoll.Wire;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>Reads a request's body, decompressed, into pooled memory within a limit.</summary>
internal static class RequestBody
{
    private const int FirstBytes = 64 << 10;

    /// <exception cref="RequestException">Too large, not decompressible, or of unknown encoding.</exception>
    public static async ValueTask<PooledBytes> ReadAsync(HttpRequest request, int limit, CancellationToken cancellation)
    {
        if (request.ContentLength > limit)
        {
            throw TooLarge(limit, $"{request.ContentLength} bytes");
        }

        var encoding = request.Headers.ContentEncoding.ToString();
        await using var decoder = Decoder(encoding, request.Body);
        var bytes = new PooledBytes((int)long.Min(request.ContentLength + 1 ?? FirstBytes, FirstBytes));
        try
        {
            await FillAsync(decoder ?? request.Body, bytes, limit, cancellation);
            return bytes;
        }
        catch (InvalidDataException e)
        {
            bytes.Dispose();
            throw RequestException.BadRequest($"request body is not valid {encoding}: {e.Message}");
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    private static Stream? Decoder(string encoding, Stream body) => encoding.ToLowerInvariant() switch
    {
        "" or "identity" => null,
        "gzip" or "x-gzip" => new GZipStream(body, CompressionMode.Decompress, leaveOpen: true),
        "deflate" => new ZLibStream(body, CompressionMode.Decompress, leaveOpen: true),
        _ => throw new RequestException(415, $"Content-Encoding '{encoding}' is not supported; use gzip or deflate"),
    };

    private static async ValueTask FillAsync(Stream from, PooledBytes to, int limit, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await from.ReadAsync(to.GetMemory(), cancellation);
            if (read == 0)
            {
                return;
            }

            to.Advance(read);
            if (to.Length > limit)
            {
                throw TooLarge(limit, "more");
            }
        }
    }

    private static RequestException TooLarge(int limit, string size) => new(413,
        $"request body has {size}; the limit is {limit} bytes (setting max_body_bytes of the model's config.json)");
}
