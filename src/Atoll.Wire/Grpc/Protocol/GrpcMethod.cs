using Google.Protobuf;

namespace Atoll.Wire;

/// <summary>Which side of a call sends a stream of messages instead of exactly one.</summary>
public enum GrpcMethodKind
{
    Unary,
    ServerStreaming,
    ClientStreaming,
    DuplexStreaming,
}

/// <summary>
/// One method of a service: its path, its kind and how its messages become bytes. Servers and clients share it.
/// </summary>
public sealed record GrpcMethod<TRequest, TResponse>(
    string Service, string Name, GrpcMethodKind Kind, MessageCodec<TRequest> Request, MessageCodec<TResponse> Response)
{
    /// <summary>The path of the call, e.g. <c>/grpc.health.v1.Health/Check</c>.</summary>
    public string Path { get; } = $"/{Service}/{Name}";
}

/// <summary>Makes methods whose messages are protobuf.</summary>
public static class GrpcMethod
{
    public static GrpcMethod<TRequest, TResponse> Of<TRequest, TResponse>(
        string service, string name, GrpcMethodKind kind = GrpcMethodKind.Unary)
        where TRequest : IMessage<TRequest>, new()
        where TResponse : IMessage<TResponse>, new() => new(
        service, name, kind, MessageCodec.Protobuf<TRequest>(), MessageCodec.Protobuf<TResponse>());
}
