using System.Net;
using Atoll.Wire;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>What gRPC shares with HTTP in one server.</summary>
internal sealed record GrpcFrontendParts(
    ModelRepository Repository, ModelCatalog Catalog, RepositoryChanges Changes, AccessControl Access,
    InFlightRequests Requests)
{
    public required SharedMemoryEndpoints SharedMemory { get; init; }

    public required Readiness Readiness { get; init; }

    public required TimeProvider Clock { get; init; }

    /// <summary>Counts the calls that ended, by status.</summary>
    public required MetricsPage Metrics { get; init; }
}

/// <summary>The server's gRPC side: the inference and health services on an address, a socket or both.</summary>
internal sealed class GrpcFrontend : IAsyncDisposable
{
    private readonly GrpcHost _host;

    private GrpcFrontend(ServingOptions options, GrpcFrontendParts parts, ILoggerFactory loggers)
    {
        var gate = new GrpcGate(parts.Access, parts.Requests);
        var services = new GrpcServices();
        new GrpcModelInformation(options, parts.Repository, parts.Readiness).Register(services);
        new GrpcInference(new GrpcInferenceParts(parts.Repository, parts.SharedMemory, gate, parts.Clock)
        {
            Logger = loggers.CreateLogger<GrpcInference>(),
        }).Register(services);
        new GrpcSharedMemory(parts.SharedMemory).Register(services);
        new GrpcRepository(parts.Repository, parts.Catalog, parts.Changes).Register(services);
        new GrpcHealth(parts.Readiness).Register(services);
        GrpcAbsentMethods.Register(services);
        _host = new GrpcHost(services, HostOptions(options, gate, parts), loggers);
    }

    public Uri? Url => _host.Url;

    /// <summary>Null where the options ask for neither port nor socket.</summary>
    public static GrpcFrontend? Create(ServingOptions options, GrpcFrontendParts parts, ILoggerFactory loggers) =>
        options.GrpcPort is null && options.GrpcSocket.Length == 0 ? null : new(options, parts, loggers);

    /// <exception cref="ServingException">The port or the socket is in use, or cannot be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _host.StartAsync(cancellationToken);
        }
        catch (WireException e)
        {
            throw new ServingException(
                e.Error == WireError.AddressInUse ? ServingError.AddressInUse : ServingError.AddressUnavailable,
                $"{e.Message} (settings serving.address, serving.grpc_port, serving.grpc_socket)",
                e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _host.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private static GrpcHostOptions HostOptions(
        ServingOptions options, GrpcGate gate, GrpcFrontendParts parts) => new()
    {
        EndPoint = options.GrpcPort is { } port ? new IPEndPoint(options.Address, port) : null,
        UnixSocket = options.GrpcSocket.Length > 0 ? options.GrpcSocket : null,
        Certificate = options.Certificate,
        MaxMessageBytes = options.GrpcMaxMessageBytes,
        MaxMessageSetting = "setting serving.grpc_max_message_bytes",
        MaxConnections = 4 * options.MaxConcurrentRequests,
        MaxCallsPerConnection = options.MaxConcurrentRequests,
        Interceptor = gate.RunAsync,
        OnEnded = parts.Metrics.CountCall,
        Clock = parts.Clock,
    };
}
