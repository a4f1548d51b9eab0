using System.Net;
using System.Net.Http.Headers;

namespace Atoll.Wire;

/// <summary>The messages of a call as the body of its request, sent one by one as they come.</summary>
internal sealed class GrpcRequestContent<T> : HttpContent
{
    private readonly IAsyncEnumerable<T> _messages;
    private readonly MessageCodec<T> _codec;
    private readonly string? _encoding;

    public GrpcRequestContent(IAsyncEnumerable<T> messages, MessageCodec<T> codec, string? encoding)
    {
        _messages = messages;
        _codec = codec;
        _encoding = encoding;
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    /// <summary>What the caller's own stream of messages threw; null when nothing.</summary>
    public Exception? Fault { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The headers leave before the first message does, which may come much later.
        await stream.FlushAsync(cancellationToken);
        await using var messages = _messages.GetAsyncEnumerator(cancellationToken);
        while (await NextAsync(messages))
        {
            using var frame = new PooledBytes(1024);
            FrameFormat.Write(frame, messages.Current, _codec, _encoding);
            await stream.WriteAsync(frame.Memory, cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<T> messages)
    {
        try
        {
            return await messages.MoveNextAsync();
        }
        catch (Exception e)
        {
            Fault = e;
            throw;
        }
    }
}
