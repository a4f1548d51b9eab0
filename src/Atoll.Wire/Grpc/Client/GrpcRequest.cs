using System.Net;
using System.Net.Http.Headers;

namespace Atoll.Wire;

/// <summary>The head of a call's request, and what a client makes of the heads and failures of answers.</summary>
internal static class GrpcRequest
{
    public static HttpRequestMessage Create(
        string path, HttpContent content, string? encoding, GrpcChannelOptions channel, GrpcCallOptions options)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        Add(GrpcHeaders.AcceptEncoding, MessageEncoding.Accepted);
        if (encoding is not null)
        {
            Add(GrpcHeaders.Encoding, encoding);
        }

        if (options.Timeout is { } timeout)
        {
            Add(GrpcHeaders.Timeout, GrpcTimeout.Encode(timeout));
        }

        foreach (var (name, value) in channel.Headers.Concat(options.Headers))
        {
            Add(name, value);
        }

        return request;

        void Add(string name, string value) => request.Headers.TryAddWithoutValidation(name, value);
    }

    public static string? Value(HttpHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    public static GrpcMetadata Metadata(HttpHeaders headers)
    {
        var metadata = new GrpcMetadata();
        foreach (var (name, values) in headers.NonValidated)
        {
            var key = name.ToLowerInvariant();
            foreach (var value in values)
            {
                if (!GrpcHeaders.IsReserved(key))
                {
                    metadata.AddReceived(key, value);
                }
            }
        }

        return metadata;
    }

    /// <summary>The status that stands for an HTTP status where a proxy answered instead of the server.</summary>
    public static GrpcStatus StatusOf(HttpStatusCode code) => (int)code switch
    {
        400 => GrpcStatus.Internal,
        401 => GrpcStatus.Unauthenticated,
        403 => GrpcStatus.PermissionDenied,
        404 => GrpcStatus.Unimplemented,
        429 or 502 or 503 or 504 => GrpcStatus.Unavailable,
        _ => GrpcStatus.Unknown,
    };

    /// <summary>The status that stands for a connection's or a stream's failure.</summary>
    public static GrpcException Describe(string path, Exception e)
    {
        var reset = e as HttpProtocolException ?? e.InnerException as HttpProtocolException;
        var status = reset is not null
            ? StatusOfReset(reset.ErrorCode)
            : e is HttpRequestException or IOException ? GrpcStatus.Unavailable : GrpcStatus.Internal;
        return new GrpcException(status, $"{path}: {e.GetBaseException().Message}", e);
    }

    // Error codes of RFC 9113, section 7, as the gRPC specification maps them.
    private static GrpcStatus StatusOfReset(long code) => code switch
    {
        0x7 => GrpcStatus.Unavailable,
        0x8 => GrpcStatus.Cancelled,
        0xb => GrpcStatus.ResourceExhausted,
        0xc => GrpcStatus.PermissionDenied,
        _ => GrpcStatus.Internal,
    };
}
