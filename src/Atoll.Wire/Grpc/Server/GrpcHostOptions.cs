using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Atoll.Wire;

/// <summary>Runs around each call: may refuse it by a <see cref="GrpcException"/>, or turn errors into one.</summary>
public delegate Task GrpcInterceptor(GrpcCall call, Func<Task> next);

/// <summary>Where a host listens and what it bounds.</summary>
public sealed record GrpcHostOptions
{
    /// <summary>Address and port to listen on, port 0 = any free one; null = none.</summary>
    public IPEndPoint? EndPoint { get; init; }

    /// <summary>Path of a Unix socket to listen on, for this user alone; null = none.</summary>
    public string? UnixSocket { get; init; }

    /// <summary>Serves TLS with this certificate on the address; null = HTTP/2 in the clear.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Largest message after decompression, in bytes. Default 256 MiB.</summary>
    public int MaxMessageBytes { get; init; } = 256 << 20;

    /// <summary>What a refusal names as the place to change <see cref="MaxMessageBytes"/>.</summary>
    public string MaxMessageSetting { get; init; } = "GrpcHostOptions.MaxMessageBytes";

    /// <summary>Connections at once; more are closed. Default 1024.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Calls at once on one connection. Default 256.</summary>
    public int MaxCallsPerConnection { get; init; } = 256;

    /// <summary>Told the status of each call that ended; null = nobody is.</summary>
    public Action<GrpcStatus>? OnEnded { get; init; }

    /// <summary>Runs around each call; null = nothing does.</summary>
    public GrpcInterceptor? Interceptor { get; init; }

    /// <summary>The time of deadlines.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
