using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Atoll.Serving;

/// <summary>Settings of the server. Checked when the host starts.</summary>
public sealed record ServingOptions
{
    /// <summary>Server name in GET /v2. Default `atoll`.</summary>
    public string Name { get; init; } = "atoll";

    /// <summary>Version in GET /v2.</summary>
    public string Version { get; init; } = "0.1.0";

    /// <summary>Address to listen on. Default loopback; any other needs <see cref="Tokens"/>.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Port to listen on; 0 = any free one. Default 8000.</summary>
    public int Port { get; init; } = 8000;

    /// <summary>Port to listen on for gRPC at the same address; 0 = any free one. Default null: none.</summary>
    public int? GrpcPort { get; init; }

    /// <summary>Path of a Unix socket to listen on for gRPC, for this user alone; empty = none.</summary>
    public string GrpcSocket { get; init; } = "";

    /// <summary>Largest gRPC message after decompression, in bytes. Default 256 MiB.</summary>
    public int GrpcMaxMessageBytes { get; init; } = 256 << 20;

    /// <summary>Serves HTTPS, and gRPC over TLS, with this certificate; null = plain HTTP.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Tokens of which a client must show one; none = anyone may come, on loopback only.</summary>
    public IReadOnlyList<AccessToken> Tokens { get; init; } = [];

    /// <summary>Configuration of models whose own `config.json` does not say otherwise.</summary>
    public ModelConfiguration ModelDefaults { get; init; } = new();

    /// <summary>Who decides which models are loaded. Default: all of the folder, at the start.</summary>
    public ModelControlMode ControlMode { get; init; }

    /// <summary>
    /// Folder to read models from when one is loaded by request or by polling; null = only the sources given to
    /// <see cref="ServingHost.LoadAsync"/>.
    /// </summary>
    public string? ModelFolder { get; init; }

    /// <summary>Time between two readings of the folder when polling. Default 15 s.</summary>
    public TimeSpan PollPeriod { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Models that load at the same time. Default 2.</summary>
    public int ParallelLoads { get; init; } = 2;

    /// <summary>Requests in the server at once, of all models; more are answered 503. Default 512.</summary>
    public int MaxConcurrentRequests { get; init; } = 512;

    /// <summary>Live pages that may follow the events at once. Default 16.</summary>
    public int MaxEventClients { get; init; } = 16;

    /// <summary>How long shutdown waits for requests before it cancels them. Default 10 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <exception cref="ServingException">A value is out of range, or the address needs a token.</exception>
    internal void Check()
    {
        Range("port", Port, 0, 65535);
        Range("grpc_port", GrpcPort ?? 0, 0, 65535);
        Range("grpc_max_message_bytes", GrpcMaxMessageBytes, 1024, int.MaxValue);
        Range("parallel_loads", ParallelLoads, 1, 64);
        Range("max_concurrent_requests", MaxConcurrentRequests, 1, 1 << 16);
        Range("max_event_clients", MaxEventClients, 0, 1024);
        Range("drain_timeout_s", (long)DrainTimeout.TotalSeconds, 0, 3600);
        Range("poll_period_s", (long)PollPeriod.TotalSeconds, 1, 86400);
        ModelDefaults.Checked("model defaults");
        if (!IPAddress.IsLoopback(Address) && Tokens.Count == 0)
        {
            throw new ServingException(ServingError.TokenRequired,
                $"listening on {Address} lets other machines in: set a token first (setting serving.tokens), or " +
                "listen on 127.0.0.1 (setting serving.address)");
        }

        if (Tokens.FirstOrDefault(token => token.Secret.Length < 8) is { } weak)
        {
            throw new ServingException(
                ServingError.InvalidSetting,
                    $"token '{weak.Name}' is shorter than 8 characters (setting serving.tokens)");
        }
    }

    private static void Range(string name, long value, long least, long most)
    {
        if (value < least || value > most)
        {
            throw new ServingException(
                ServingError.InvalidSetting, $"setting serving.{name} is {value}; it must be {least} to {most}");
        }
    }
}
