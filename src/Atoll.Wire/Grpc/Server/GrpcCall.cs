using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;

namespace Atoll.Wire;

/// <summary>
/// One call as its handler sees it: what the client sent beside its messages, how long it will wait, and what is sent
/// back beside the answer. A call belongs to one handler; it is not thread-safe.
/// </summary>
public sealed class GrpcCall
{
    private readonly HttpContext _context;
    private readonly List<IDisposable> _owned = [];
    private readonly FrameReader _frames;
    private readonly string? _encoding;
    private bool _started;

    internal GrpcCall(HttpContext context, GrpcCallHead head, FrameReader frames, CancellationToken cancellation)
    {
        _context = context;
        _frames = frames;
        Headers = head.Headers;
        Timeout = head.Timeout;
        Arrived = head.Arrived;
        Cancellation = cancellation;
        // The answer is compressed as the request was, where the client says that it understands that.
        _encoding = head.Encoding is { } name && MessageEncoding.Accepts(head.AcceptedEncodings, name) ? name : null;
    }

    /// <summary>The path of the method, e.g. <c>/grpc.health.v1.Health/Check</c>.</summary>
    public string Path => _context.Request.Path.Value!;

    /// <summary>Address of the client; <c>unix</c> where it has none.</summary>
    public string Peer => _context.Connection.RemoteIpAddress is { } address
        ? $"{address}:{_context.Connection.RemotePort}"
        : "unix";

    /// <summary>The same as an address; null where it has none.</summary>
    public IPAddress? PeerAddress => _context.Connection.RemoteIpAddress;

    /// <summary>What the client sent, the protocol's own headers left out.</summary>
    public GrpcMetadata Headers { get; }

    /// <summary>Sent before the first message of the answer.</summary>
    public GrpcMetadata ResponseHeaders { get; } = [];

    /// <summary>Sent with the status.</summary>
    public GrpcMetadata Trailers { get; } = [];

    /// <summary>How long the client waits from <see cref="Arrived"/>; null = for ever.</summary>
    public TimeSpan? Timeout { get; }

    /// <summary>Timestamp of the host's clock when the call arrived.</summary>
    public long Arrived { get; }

    /// <summary>Cancelled at the deadline, when the client leaves, and when the host stops.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Hands over what is disposed once the call has ended and its answer is written.</summary>
    public T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }

    /// <summary>Sends the response headers now, without waiting for the first message.</summary>
    public Task SendHeadersAsync()
    {
        Start();
        return _context.Response.StartAsync(Cancellation);
    }

    internal async Task<T> ReadOneAsync<T>(MessageCodec<T> codec)
    {
        var (any, message) = await _frames.ReadAsync(codec, Cancellation);
        if (!any)
        {
            throw new GrpcException(GrpcStatus.Unimplemented, $"{Path} takes one message; none was sent");
        }

        return (await _frames.ReadAsync(codec, Cancellation)).Any
            ? throw new GrpcException(GrpcStatus.Unimplemented, $"{Path} takes one message; more were sent")
            : message;
    }

    internal async IAsyncEnumerable<T> ReadAllAsync<T>(
        MessageCodec<T> codec, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            var (any, message) = await _frames.ReadAsync(codec, cancellation);
            if (!any)
            {
                yield break;
            }

            yield return message;
        }
    }

    internal async Task WriteAsync<T>(T message, MessageCodec<T> codec)
    {
        Start();
        using var frame = new PooledBytes(1024);
        FrameFormat.Write(frame, message, codec, _encoding);
        await FrameOutput.WriteAsync(_context.Response.BodyWriter, frame.Memory, Cancellation);
    }

    /// <summary>Sends the status: as headers alone when nothing was sent before.</summary>
    internal async Task EndAsync(GrpcStatus status, string message, GrpcMetadata? more = null)
    {
        if (status == GrpcStatus.Ok)
        {
            Start();
            await _context.Response.StartAsync(Cancellation);
        }

        foreach (var (name, value) in Trailers.Concat(more ?? []))
        {
            ResponseTrailers.Append(_context, name, value);
        }

        ResponseTrailers.End(_context, status, message);
    }

    internal void DisposeOwned()
    {
        foreach (var resource in _owned)
        {
            resource.Dispose();
        }

        _owned.Clear();
    }

    private void Start()
    {
        if (_started)
        {
            return;
        }

        _started = true;
        var headers = _context.Response.Headers;
        headers.ContentType = GrpcHeaders.ContentType;
        headers[GrpcHeaders.AcceptEncoding] = MessageEncoding.Accepted;
        if (_encoding is not null)
        {
            headers[GrpcHeaders.Encoding] = _encoding;
        }

        foreach (var (name, value) in ResponseHeaders)
        {
            headers.Append(name, value);
        }
    }
}
