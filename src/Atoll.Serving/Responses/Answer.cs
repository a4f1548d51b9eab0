using System.IO.Compression;
using System.Text.Json;
using Atoll.Wire;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>Sends whole bodies, compressed when the client accepts it and it pays.</summary>
internal static class Answer
{
    private const int LeastCompressedBytes = 1024;

    public static async Task SendAsync(HttpContext context, int status, string contentType, ReadOnlyMemory<byte> body)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        var encoding = body.Length < LeastCompressedBytes ? null : EncodingFor(context.Request);
        if (encoding is null || HttpMethods.IsHead(context.Request.Method))
        {
            response.ContentLength = body.Length;
            await response.BodyWriter.WriteAsync(body, context.RequestAborted);
            return;
        }

        response.Headers.ContentEncoding = encoding;
        response.Headers.Vary = "Accept-Encoding";
        await using Stream encoder = encoding == "gzip"
            ? new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true)
            : new ZLibStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
        await encoder.WriteAsync(body, context.RequestAborted);
    }

    public static async Task JsonAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        using var body = new PooledBytes(1024);
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        await SendAsync(context, status, "application/json", body.Memory);
    }

    public static async Task JsonArrayAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        using var body = new PooledBytes(1024);
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartArray();
            write(json);
            json.WriteEndArray();
        }

        await SendAsync(context, status, "application/json", body.Memory);
    }

    public static Task ErrorAsync(HttpContext context, int status, string message) =>
        JsonAsync(context, status, json => json.WriteString("error"u8, message));

    private static string? EncodingFor(HttpRequest request)
    {
        foreach (var part in request.Headers.AcceptEncoding.ToString().Split(','))
        {
            var (name, quality) = part.Split(';', 2, StringSplitOptions.TrimEntries) is [var n, var q]
                ? (n, q.Replace(" ", "", StringComparison.Ordinal))
                : (part.Trim(), "");
            if (name is "gzip" or "deflate" && quality is not ("q=0" or "q=0.0" or "q=0.00" or "q=0.000"))
            {
                return name;
            }
        }

        return null;
    }
}
