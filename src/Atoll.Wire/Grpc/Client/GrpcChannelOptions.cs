using System.Security.Cryptography.X509Certificates;

namespace Atoll.Wire;

/// <summary>How a channel reaches its server and what it bounds.</summary>
public sealed record GrpcChannelOptions
{
    /// <summary>
    /// Connects through this Unix socket, whatever host the address names; null = the address itself.
    /// </summary>
    public string? UnixSocket { get; init; }

    /// <summary>Trusts this very certificate; null = those that the system trusts.</summary>
    public X509Certificate2? TrustedCertificate { get; init; }

    /// <summary>Largest message that is taken, after decompression, in bytes. Default 2 GiB less one byte.</summary>
    public int MaxMessageBytes { get; init; } = int.MaxValue;

    /// <summary>Compresses what is sent: <c>gzip</c> or <c>deflate</c>; null = nothing is compressed.</summary>
    public string? Compression { get; init; }

    /// <summary>Sent with every call.</summary>
    public GrpcMetadata Headers { get; init; } = [];

    /// <summary>How long connecting may take. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The time of deadlines.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>What one call asks for beside its messages.</summary>
public sealed record GrpcCallOptions
{
    /// <summary>How long the whole call may last; the server is told. Null = for ever.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Sent with this call, after the channel's.</summary>
    public GrpcMetadata Headers { get; init; } = [];

    /// <summary>Compresses what is sent, instead of what the channel says; <c>identity</c> = not at all.</summary>
    public string? Compression { get; init; }

    /// <summary>Called with the server's headers when they arrive.</summary>
    public Action<GrpcMetadata>? OnHeaders { get; init; }

    /// <summary>Called with the server's trailers when the call ended well; else the exception holds them.</summary>
    public Action<GrpcMetadata>? OnTrailers { get; init; }
}
