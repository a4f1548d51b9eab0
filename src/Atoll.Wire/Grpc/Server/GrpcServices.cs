namespace Atoll.Wire;

/// <summary>The methods that a host answers, by path. Filled before the host starts.</summary>
public sealed class GrpcServices
{
    private readonly Dictionary<string, GrpcHandler> _handlers = [];
    private readonly HashSet<string> _services = [];

    /// <summary>The names of services that have at least one method.</summary>
    public IReadOnlyCollection<string> Names => _services;

    public GrpcServices Unary<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, Func<TRequest, GrpcCall, Task<TResponse>> handler) =>
        Add(method, GrpcMethodKind.Unary, async call =>
        {
            var request = await call.ReadOneAsync(method.Request);
            await call.WriteAsync(await handler(request, call), method.Response);
        });

    public GrpcServices ServerStreaming<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        Func<TRequest, GrpcResponseWriter<TResponse>, GrpcCall, Task> handler) =>
        Add(method, GrpcMethodKind.ServerStreaming, async call =>
        {
            var request = await call.ReadOneAsync(method.Request);
            await handler(request, new GrpcResponseWriter<TResponse>(call, method.Response), call);
        });

    public GrpcServices ClientStreaming<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        Func<IAsyncEnumerable<TRequest>, GrpcCall, Task<TResponse>> handler) =>
        Add(method, GrpcMethodKind.ClientStreaming, async call =>
        {
            var response = await handler(call.ReadAllAsync(method.Request, call.Cancellation), call);
            await call.WriteAsync(response, method.Response);
        });

    public GrpcServices DuplexStreaming<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        Func<IAsyncEnumerable<TRequest>, GrpcResponseWriter<TResponse>, GrpcCall, Task> handler) =>
        Add(method, GrpcMethodKind.DuplexStreaming, call => handler(
            call.ReadAllAsync(method.Request, call.Cancellation),
            new GrpcResponseWriter<TResponse>(call, method.Response),
            call));

    /// <summary>Null where there is no such method.</summary>
    internal GrpcHandler? Find(string path) => _handlers.GetValueOrDefault(path);

    /// <summary>Why there is nothing at a path.</summary>
    internal string Missing(string path)
    {
        var service = path.Split('/') is ["", var name, _] ? name : null;
        return service is not null && _services.Contains(service)
            ? $"service {service} has no method {path[(service.Length + 2)..]}"
            : $"there is no service at '{path}'; this server has {string.Join(", ", _services.Order())}";
    }

    private GrpcServices Add<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, GrpcMethodKind kind, Func<GrpcCall, Task> handle)
    {
        if (method.Kind != kind)
        {
            throw new ArgumentException($"{method.Path} is {method.Kind}, not {kind}", nameof(method));
        }

        if (!_handlers.TryAdd(method.Path, new GrpcHandler(kind, handle)))
        {
            throw new ArgumentException($"{method.Path} has a handler already", nameof(method));
        }

        _services.Add(method.Service);
        return this;
    }
}

/// <summary>What runs a method, and whether messages may be far apart on it.</summary>
internal sealed record GrpcHandler(GrpcMethodKind Kind, Func<GrpcCall, Task> RunAsync);
