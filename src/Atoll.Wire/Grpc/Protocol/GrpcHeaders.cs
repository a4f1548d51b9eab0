namespace Atoll.Wire;

/// <summary>Names and values of headers that the protocol itself uses.</summary>
internal static class GrpcHeaders
{
    public const string ContentType = "application/grpc";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";

    /// <summary>Whether only the protocol may send a header of this name.</summary>
    public static bool IsReserved(string name) =>
        name.StartsWith("grpc-", StringComparison.Ordinal) ||
        name is "content-type" or "content-length" or "te" or "trailer" or "transfer-encoding" or "connection" or
            "host";

    /// <summary>`application/grpc`, alone or with the suffix or parameters that stand for protobuf.</summary>
    public static bool IsGrpc(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var rest = contentType.AsSpan(ContentType.Length).Trim();
        return rest.IsEmpty || rest[0] == ';' || rest.Equals("+proto", StringComparison.OrdinalIgnoreCase) ||
            rest.StartsWith("+proto;", StringComparison.OrdinalIgnoreCase);
    }
}
