using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Atoll.Wire;

/// <summary>
/// Serves methods over HTTP/2 on an address, a Unix socket or both. It takes no signals and reads no environment.
/// </summary>
public sealed class GrpcHost : IAsyncDisposable
{
    // Windows of flow control: large enough that tensors are not held back, small enough to bound a connection.
    private const int StreamWindowBytes = 1 << 20;
    private const int ConnectionWindowBytes = 8 << 20;
    private const int FrameBytes = 256 << 10;

    private readonly GrpcHostOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly WebApplication _app;
    private bool _stopped;

    /// <exception cref="WireException">The options name no place to listen on.</exception>
    public GrpcHost(GrpcServices services, GrpcHostOptions options, ILoggerFactory loggers)
    {
        if (options.EndPoint is null && options.UnixSocket is null)
        {
            throw new WireException(WireError.InvalidOption, "a gRPC host needs an address or a Unix socket");
        }

        _options = options;
        var dispatcher = new GrpcDispatcher(services, options, loggers.CreateLogger<GrpcHost>());
        // The empty builder reads no files and no environment.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure).UseSockets(sockets =>
            sockets.CreateBoundListenSocket = place => place is UnixDomainSocketEndPoint file
                ? UnixSocketFile.Bind(file)
                : SocketTransportOptions.CreateDefaultBoundListenSocket(place));
        _app = builder.Build();
        _app.Run(context => dispatcher.HandleAsync(context, _stopping.Token));
    }

    /// <summary>Where the host listens once started; null where it has no address.</summary>
    public Uri? Url { get; private set; }

    /// <exception cref="WireException">The port or the socket is in use, or the address is not this
    /// machine's.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_options.UnixSocket is { } path)
        {
            await UnixSocketFile.ClearAsync(path, cancellationToken);
        }

        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw Unavailable(e);
        }

        var addresses = _app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses;
        Url = addresses.Where(text => !text.Contains("://unix:", StringComparison.Ordinal))
            .Select(text => new Uri(text)).FirstOrDefault();
    }

    /// <summary>Cancels the calls in flight, each of which answers that the server shuts down, then closes.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        await _stopping.CancelAsync();
        await _app.StopAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _stopping.Dispose();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxConcurrentConnections = _options.MaxConnections;
        kestrel.Limits.Http2.MaxStreamsPerConnection = _options.MaxCallsPerConnection;
        kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindowBytes;
        kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
        kestrel.Limits.Http2.MaxFrameSize = FrameBytes;
        if (_options.EndPoint is { } endPoint)
        {
            kestrel.Listen(endPoint, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (_options.Certificate is { } certificate)
                {
                    listen.UseHttps(certificate);
                }
            });
        }

        if (_options.UnixSocket is { } path)
        {
            kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2);
        }
    }

    private WireException Unavailable(Exception e)
    {
        var inUse = e is AddressInUseException || e.InnerException is AddressInUseException;
        string[] places = [.. new[] { _options.EndPoint?.ToString(), _options.UnixSocket }.OfType<string>()];
        return new WireException(
            inUse ? WireError.AddressInUse : WireError.AddressUnavailable,
            $"cannot listen on {string.Join(" and ", places)}: {(inUse ? "it is in use" : e.Message)}",
            e);
    }

    /// <summary>Signals are the command's business, not the library's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
