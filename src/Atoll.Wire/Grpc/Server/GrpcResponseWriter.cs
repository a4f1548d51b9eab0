namespace Atoll.Wire;

/// <summary>Sends the messages of a streamed answer, one at a time.</summary>
public sealed class GrpcResponseWriter<T>
{
    private readonly GrpcCall _call;
    private readonly MessageCodec<T> _codec;

    internal GrpcResponseWriter(GrpcCall call, MessageCodec<T> codec)
    {
        _call = call;
        _codec = codec;
    }

    /// <summary>Ends when the message is with the connection; a slow client holds it back.</summary>
    public Task WriteAsync(T message) => _call.WriteAsync(message, _codec);
}
