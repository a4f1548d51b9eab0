using Microsoft.AspNetCore.Http;

namespace Atoll.Wire;

/// <summary>What the headers of a call say.</summary>
internal sealed record GrpcCallHead
{
    public required GrpcMetadata Headers { get; init; }

    public required long Arrived { get; init; }

    public TimeSpan? Timeout { get; init; }

    /// <summary>How the client's messages are compressed.</summary>
    public string? Encoding { get; init; }

    public string? AcceptedEncodings { get; init; }

    /// <exception cref="GrpcException">A timeout of another form, or an unknown encoding.</exception>
    public static GrpcCallHead Read(HttpRequest request, long arrived)
    {
        var headers = request.Headers;
        return new GrpcCallHead
        {
            Headers = Metadata(headers),
            Arrived = arrived,
            Timeout = ReadTimeout(headers[GrpcHeaders.Timeout]),
            Encoding = ReadEncoding(headers[GrpcHeaders.Encoding]),
            AcceptedEncodings = headers[GrpcHeaders.AcceptEncoding],
        };
    }

    private static TimeSpan? ReadTimeout(string? text)
    {
        if (text is null)
        {
            return null;
        }

        return GrpcTimeout.TryDecode(text, out var timeout)
            ? timeout
            : throw new GrpcException(GrpcStatus.InvalidArgument,
                $"{GrpcHeaders.Timeout} is '{text}'; it must be 1 to 8 digits and one of H M S m u n");
    }

    private static string? ReadEncoding(string? name) => name is null || MessageEncoding.IsKnown(name)
        ? name
        : throw new GrpcException(GrpcStatus.Unimplemented,
            $"{GrpcHeaders.Encoding} '{name}' is not known; use one of {MessageEncoding.Accepted}");

    private static GrpcMetadata Metadata(IHeaderDictionary headers)
    {
        var metadata = new GrpcMetadata();
        foreach (var (name, values) in headers)
        {
            var key = name.ToLowerInvariant();
            if (key.StartsWith(':') || GrpcHeaders.IsReserved(key))
            {
                continue;
            }

            foreach (var value in values)
            {
                metadata.AddReceived(key, value ?? "");
            }
        }

        return metadata;
    }
}
