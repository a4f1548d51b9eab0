using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Atoll.Wire;

/// <summary>
/// Calls the methods of one server over HTTP/2. Connections are made when needed and shared by all calls. Thread-safe.
/// </summary>
/// <remarks>
/// A call that fails throws <see cref="GrpcException"/>; one that the caller cancels throws
/// <see cref="OperationCanceledException"/> and is cancelled at the server. So is a stream that is left before its end.
/// </remarks>
public sealed class GrpcChannel : IDisposable
{
    private static readonly GrpcCallOptions NoOptions = new();

    private readonly GrpcChannelOptions _options;
    private readonly HttpClient _http;

    /// <param name="address">e.g. http://127.0.0.1:8001; its path is not used.</param>
    /// <exception cref="ArgumentException">A compression that is not known.</exception>
    public GrpcChannel(Uri address, GrpcChannelOptions? options = null)
    {
        _options = options ?? new GrpcChannelOptions();
        CheckCompression(_options.Compression);
        _http = new HttpClient(CreateHandler(_options))
        {
            BaseAddress = address,
            // Calls bound themselves; the client's own limit would end streams.
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, GrpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        CheckKind(method, GrpcMethodKind.Unary);
        await using var call = await StartAsync(method, One(request), options, cancellationToken);
        return await call.ReadOneAsync();
    }

    public IAsyncEnumerable<TResponse> ServerStreaming<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, GrpcCallOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        CheckKind(method, GrpcMethodKind.ServerStreaming);
        return ReadAllAsync(method, One(request), options, cancellationToken);
    }

    public async Task<TResponse> ClientStreamingAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, IAsyncEnumerable<TRequest> requests, GrpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        CheckKind(method, GrpcMethodKind.ClientStreaming);
        await using var call = await StartAsync(method, requests, options, cancellationToken);
        return await call.ReadOneAsync();
    }

    /// <summary>Requests are sent as they come while answers are read; neither waits for the other.</summary>
    public IAsyncEnumerable<TResponse> DuplexStreaming<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, IAsyncEnumerable<TRequest> requests, GrpcCallOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        CheckKind(method, GrpcMethodKind.DuplexStreaming);
        return ReadAllAsync(method, requests, options, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<TResponse> ReadAllAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, IAsyncEnumerable<TRequest> requests, GrpcCallOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var call = await StartAsync(method, requests, options, cancellationToken);
        while (true)
        {
            var (any, message) = await call.ReadAsync();
            if (!any)
            {
                yield break;
            }

            yield return message;
        }
    }

    private async Task<GrpcClientCall<TRequest, TResponse>> StartAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, IAsyncEnumerable<TRequest> requests, GrpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        CheckCompression(options?.Compression);
        var call = new GrpcClientCall<TRequest, TResponse>(
            method, requests, _options, options ?? NoOptions, cancellationToken);
        try
        {
            await call.StartAsync(_http);
            return call;
        }
        catch
        {
            await call.DisposeAsync();
            throw;
        }
    }

    private static SocketsHttpHandler CreateHandler(GrpcChannelOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = options.ConnectTimeout,
            InitialHttp2StreamWindowSize = 1 << 20,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
        };
        if (options.UnixSocket is { } path)
        {
            handler.ConnectCallback = (_, cancellation) => ConnectAsync(path, cancellation);
        }

        if (options.TrustedCertificate is { } trusted)
        {
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, shown, _, _) =>
                    shown is not null && shown.GetRawCertData().AsSpan().SequenceEqual(trusted.RawData),
            };
        }

        return handler;
    }

    private static async ValueTask<Stream> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async IAsyncEnumerable<T> One<T>(T item)
    {
        await ValueTask.CompletedTask;
        yield return item;
    }

    private static void CheckKind<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method, GrpcMethodKind kind)
    {
        if (method.Kind != kind)
        {
            throw new ArgumentException($"{method.Path} is {method.Kind}, not {kind}", nameof(method));
        }
    }

    private static void CheckCompression(string? name)
    {
        if (name is not null && !MessageEncoding.IsKnown(name))
        {
            throw new ArgumentException($"compression '{name}' is not known; use one of {MessageEncoding.Accepted}");
        }
    }
}
