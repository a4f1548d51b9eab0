using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>
/// The HTTP server: Kestrel, the Open Inference Protocol, metrics, events and the live page over a model repository.
/// Start it, load models, stop it; it takes no signals and reads no environment.
/// </summary>
public sealed partial class ServingHost : IAsyncDisposable
{
    private readonly ServingOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly ModelRepository _repository;
    private readonly ModelCatalog _catalog;
    private readonly RepositoryControl _control;
    private readonly SharedMemoryRegions _regions = new();
    private readonly ProtocolEndpoints _protocol;
    private readonly GrpcFrontend? _grpc;
    private readonly Readiness _readiness = new();
    private readonly AccessControl _access;
    private readonly InFlightRequests _requests;
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly MetricsPage _metrics;
    private readonly LiveEvents _events;
    private readonly Dictionary<string, StaticAsset> _assets;
    private readonly SessionDirector? _director;
    private readonly WebApplication _app;
    private Task? _following;
    private bool _started;
    private bool _stopped;

    /// <param name="services">What the host runs on: its loader is called for each model.</param>
    /// <exception cref="ServingException">A setting is wrong, or the address needs a token.</exception>
    public ServingHost(ServingOptions options, ServingServices services)
    {
        options.Check();
        _options = options;
        _clock = services.Clock;
        _director = services.Sessions;
        _logger = services.Loggers.CreateLogger<ServingHost>();
        _repository = new ModelRepository();
        _catalog = new ModelCatalog(options.ModelFolder);
        _control = new RepositoryControl(
            _repository, _catalog, services.Loader, options, new RepositoryServices(_clock, _logger));
        var sharedMemory = new SharedMemoryEndpoints(options, _regions);
        var changes = new RepositoryChanges(options, _repository, _control);
        var repositoryEndpoints = new RepositoryEndpoints(options, _repository, _catalog, changes);
        _protocol = new ProtocolEndpoints(
            options, _repository, repositoryEndpoints, sharedMemory, _readiness,
            _clock);
        _access = new AccessControl(options.Tokens);
        _requests = new InFlightRequests(options.MaxConcurrentRequests);
        _metrics = new MetricsPage(_repository, _requests, services.Monitor, services.Sessions);
        _events = new LiveEvents(_repository, services.Monitor, _clock, options.MaxEventClients);
        _assets = new Dictionary<string, StaticAsset>(services.Assets)
        {
            ["/api/serving/script.js"] = StaticAsset.Embedded(
                typeof(ServingHost).Assembly, "serving.js", "sessions.js", "tryit.js"),
        };
        _app = BuildApp(services.Loggers);
        var parts = new GrpcFrontendParts(_repository, _catalog, changes, _access, _requests)
        {
            SharedMemory = sharedMemory,
            Readiness = _readiness,
            Clock = _clock,
            Metrics = _metrics,
        };
        _grpc = GrpcFrontend.Create(options, parts, services.Loggers);
    }

    /// <summary>Loads and unloads models.</summary>
    internal RepositoryControl Control => _control;

    /// <summary>Where the server listens, once started, e.g. http://127.0.0.1:8000.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>
    /// Where the server listens for gRPC, once started; null where it does not, or by a socket alone.
    /// </summary>
    public Uri? GrpcUrl => _grpc?.Url;

    /// <summary>Every place where the server listens for gRPC, in words, once started.</summary>
    public IReadOnlyList<string> GrpcPlaces => _grpc is null
        ? []
        : [.. new[] { GrpcUrl?.ToString().TrimEnd('/'), _options.GrpcSocket }.Where(
            place => place is { Length: > 0 })!];

    /// <summary>
    /// Begins to answer; models load by <see cref="LoadAsync"/>, until then the server is live but not ready.
    /// </summary>
    /// <exception cref="ServingException">The port is in use, or the address is not this machine's.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            var error = e is AddressInUseException || e.InnerException is AddressInUseException
                ? ServingError.AddressInUse
                : ServingError.AddressUnavailable;
            var reason = error == ServingError.AddressInUse ? "the port is in use" : e.Message;
            throw new ServingException(
                error,
                $"cannot listen on {_options.Address} port {_options.Port}: {reason} " +
                "(settings serving.address, serving.port)",
                e);
        }

        var features = _app.Services.GetRequiredService<IServer>().Features;
        Url = new Uri(features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
        LogListening(Url);
        if (_grpc is not null)
        {
            await _grpc.StartAsync(cancellationToken);
            var places = string.Join(" and ", GrpcPlaces);
            LogGrpc(places);
        }

        _started = true;
    }

    /// <summary>
    /// Loads models, several at a time; the server is ready when each has loaded or failed. From then on the folder is
    /// followed where the control mode says so.
    /// </summary>
    public async Task LoadAsync(IReadOnlyList<ModelSource> sources, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _draining.Token);
        _catalog.Give(sources);
        await _control.LoadAllAsync(sources, either.Token);
        if (_options.ControlMode == ModelControlMode.Poll)
        {
            _following ??= FollowAsync();
        }

        _readiness.Set(!_draining.IsCancellationRequested);
    }

    /// <summary>Name, version, state and reason of every model.</summary>
    public IReadOnlyList<(string Name, string Version, ModelState State, string Reason)> Models =>
        [.. _repository.Entries.Select(entry => (entry.Name, entry.Version, entry.State, entry.Reason))];

    /// <summary>Ends when the memory of every model that was retired so far is free.</summary>
    internal Task RetiredAsync() => _repository.RetiredAsync();

    /// <summary>
    /// Refuses new requests, waits for those in flight for at most the drain timeout, cancels what is left, then
    /// closes.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        _readiness.Set(false);
        await _draining.CancelAsync();
        var drained = _requests.CloseAsync();
        try
        {
            await drained.WaitAsync(_options.DrainTimeout, _clock, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            LogCancelling(_requests.Count, _options.DrainTimeout.TotalSeconds);
        }

        await _stopping.CancelAsync();
        await Task.WhenAll(
            _app.StopAsync(CancellationToken.None), _grpc?.StopAsync(CancellationToken.None) ?? Task.CompletedTask);
        if (_started)
        {
            LogStopped();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        if (_grpc is not null)
        {
            await _grpc.DisposeAsync();
        }

        await (_following ?? Task.CompletedTask);
        await _repository.DisposeAsync();
        _control.Dispose();
        _regions.Dispose();
        _draining.Dispose();
        _stopping.Dispose();
    }

    private async Task FollowAsync()
    {
        try
        {
            await _control.FollowAsync(_options.PollPeriod, _draining.Token);
        }
        catch (OperationCanceledException) when (_draining.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private WebApplication BuildApp(ILoggerFactory loggers)
    {
        // The empty builder reads no files and no environment: Atoll's own settings decide everything.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(ConfigureKestrel);

        // Each hop to another thread costs a small request as much as its model. What reads a connection may as well go
        // on with its request: on this system that is a thread of the pool, and it holds up no other connection.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        var app = builder.Build();
        app.Run(HandleAsync);
        return app;
    }

    private void ConfigureKestrel(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxConcurrentConnections = 4L * _options.MaxConcurrentRequests;
        kestrel.Listen(_options.Address, _options.Port, listen =>
        {
            if (_options.Certificate is { } certificate)
            {
                listen.UseHttps(certificate);
            }
        });
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (CompletionThreads.IsCurrent)
        {
            // The answer before was sent from here, and the next request was there already: it has only arrived.
            await Task.Yield();
        }

        if (_requests.TryEnter() is { } refusal)
        {
            context.Response.Headers.RetryAfter = "1";
            await Answer.ErrorAsync(context, 503, refusal);
            return;
        }

        try
        {
            await RouteAsync(context);
        }
        catch (Exception e)
        {
            await FailAsync(context, e);
        }
        finally
        {
            _metrics.CountAnswer(context.Response.StatusCode);
            _requests.Leave();
        }
    }

    private Task RouteAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = RequestPath.Segments(target);
        if (_assets.TryGetValue("/" + string.Join('/', path), out var asset))
        {
            return AssetAsync(context, asset);
        }

        var token = _access.Identify(context.Request.Headers.Authorization);
        switch (path)
        {
            case ["metrics"] or ["api", "serving", ..] when token is null:
                return ProtocolEndpoints.Unauthorized(context);
            case ["metrics"]:
                ProtocolEndpoints.RequireMethod(context, "GET");
                return Answer.SendAsync(context, 200, PrometheusText.ContentType, _metrics.Render());
            case ["api", "serving", "events"]:
                ProtocolEndpoints.RequireMethod(context, "GET");
                return _events.HandleAsync(context, _draining.Token);
            case ["api", "serving", "sessions"]:
                ProtocolEndpoints.RequireMethod(context, "GET");
                return SessionEndpoints.SessionsAsync(context, _director);
            case ["api", "serving", "devices"]:
                ProtocolEndpoints.RequireMethod(context, "GET");
                return SessionEndpoints.DevicesAsync(context, _director);
            default:
                return _protocol.HandleAsync(context, path, token, _stopping.Token);
        }
    }

    private static Task AssetAsync(HttpContext context, StaticAsset asset)
    {
        ProtocolEndpoints.RequireMethod(context, "GET");
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-cache";
        return Answer.SendAsync(context, 200, asset.ContentType, asset.Body);
    }

    /// <summary>
    /// Answers an error as one; drops the connection when the client left or has half an answer already.
    /// </summary>
    private async Task FailAsync(HttpContext context, Exception exception)
    {
        if (context.Response.HasStarted || IsClientGone(context, exception))
        {
            context.Abort();
            return;
        }

        var (status, message) = exception switch
        {
            RequestException e => (e.StatusCode, e.Message),
            ServingException e => (503, e.Message),
            Microsoft.AspNetCore.Http.BadHttpRequestException e => (e.StatusCode, e.Message),
            _ => (500, "the server failed at this request; its log says more"),
        };
        if (status == 500)
        {
            // An outcome that became an exception says all in its message; its stack is only the way to here.
            LogFailed(context.Request.Method, context.Request.Path, message,
                exception is RequestException ? null : exception);
        }

        try
        {
            await Answer.ErrorAsync(context, status, message);
        }
        catch (Exception e) when (IsClientGone(context, e))
        {
            context.Abort();
        }
    }

    private static bool IsClientGone(HttpContext context, Exception e) =>
        context.RequestAborted.IsCancellationRequested && e is OperationCanceledException or ConnectionResetException;

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Listening on {Url}")]
    private partial void LogListening(Uri url);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "Listening for gRPC on {Places}")]
    private partial void LogGrpc(string places);

    [LoggerMessage(EventId = 11, Level = LogLevel.Warning,
        Message = "Cancelling {Count} requests that did not end within {Seconds} s")]
    private partial void LogCancelling(int count, double seconds);

    [LoggerMessage(EventId = 12, Level = LogLevel.Information, Message = "Stopped")]
    private partial void LogStopped();

    [LoggerMessage(EventId = 13, Level = LogLevel.Error, Message = "{Method} {Path} failed: {Reason}")]
    private partial void LogFailed(string method, string path, string reason, Exception? exception);

    /// <summary>Signals are the command's business, not the library's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
