using System.Globalization;
using System.IO.Pipelines;
using System.Net;

namespace Atoll.Wire;

/// <summary>One call from the client's side: sends the request, reads messages, then the status.</summary>
internal sealed class GrpcClientCall<TRequest, TResponse> : IAsyncDisposable
{
    private readonly GrpcChannelOptions _channel;
    private readonly GrpcCallOptions _options;
    private readonly GrpcMethod<TRequest, TResponse> _method;
    private readonly HttpRequestMessage _request;
    private readonly GrpcRequestContent<TRequest> _content;
    private readonly CancellationTokenSource? _deadline;
    private readonly CancellationTokenSource _either;
    private readonly CancellationToken _caller;
    private HttpResponseMessage? _response;
    private FrameReader? _frames;
    private bool _ended;

    public GrpcClientCall(
        GrpcMethod<TRequest, TResponse> method, IAsyncEnumerable<TRequest> requests, GrpcChannelOptions channel,
        GrpcCallOptions options, CancellationToken caller)
    {
        _method = method;
        _channel = channel;
        _options = options;
        _caller = caller;
        _deadline = options.Timeout is { } timeout ? GrpcTimeout.Start(timeout, channel.Clock) : null;
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _deadline?.Token ?? CancellationToken.None);
        var encoding = options.Compression ?? channel.Compression;
        _content = new GrpcRequestContent<TRequest>(requests, method.Request, encoding);
        _request = GrpcRequest.Create(method.Path, _content, encoding, channel, options);
    }

    /// <summary>Sends the request and checks the head of the answer.</summary>
    public async Task StartAsync(HttpClient http)
    {
        try
        {
            _response = await http.SendAsync(_request, HttpCompletionOption.ResponseHeadersRead, _either.Token);
            ReadHead(_response);
            var body = await _response.Content.ReadAsStreamAsync(_either.Token);
            var encoding = GrpcRequest.Value(_response.Headers, GrpcHeaders.Encoding);
            _frames = new FrameReader(
                PipeReader.Create(body, new StreamPipeReaderOptions(bufferSize: 16 << 10)),
                new FrameRules(encoding, _channel.MaxMessageBytes, "GrpcChannelOptions.MaxMessageBytes"));
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
    }

    /// <summary>The next message, or none when the call ended well.</summary>
    /// <exception cref="GrpcException">The call ended otherwise.</exception>
    public async ValueTask<(bool Any, TResponse Message)> ReadAsync()
    {
        try
        {
            var next = await _frames!.ReadAsync(_method.Response, _either.Token);
            if (!next.Any)
            {
                End();
            }

            return next;
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
    }

    /// <summary>The one message of an answer that is no stream.</summary>
    public async Task<TResponse> ReadOneAsync()
    {
        var (any, message) = await ReadAsync();
        if (!any)
        {
            throw new GrpcException(GrpcStatus.Unimplemented, $"{_method.Path} answered without a message");
        }

        return (await ReadAsync()).Any
            ? throw new GrpcException(GrpcStatus.Unimplemented, $"{_method.Path} answered with more than one message")
            : message;
    }

    /// <summary>Leaves the call; one that has not ended is cancelled at the server.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_ended)
        {
            await _either.CancelAsync();
        }

        _response?.Dispose();
        _request.Dispose();
        _either.Dispose();
        _deadline?.Dispose();
    }

    private void ReadHead(HttpResponseMessage response)
    {
        if (GrpcRequest.Value(response.Headers, GrpcHeaders.Status) is not null)
        {
            ThrowUnlessOk(response.Headers);
        }

        var contentType = response.Content.Headers.ContentType?.ToString();
        if (response.StatusCode != HttpStatusCode.OK || !GrpcHeaders.IsGrpc(contentType))
        {
            throw new GrpcException(
                GrpcRequest.StatusOf(response.StatusCode),
                $"{_method.Path} answered HTTP {(int)response.StatusCode} with content type '{contentType}', not gRPC");
        }

        if (GrpcRequest.Value(response.Headers, GrpcHeaders.Encoding) is { } encoding &&
            !MessageEncoding.IsKnown(encoding))
        {
            throw new GrpcException(GrpcStatus.Internal, $"{_method.Path} answered in unknown encoding '{encoding}'");
        }

        _options.OnHeaders?.Invoke(GrpcRequest.Metadata(response.Headers));
    }

    private void End()
    {
        _ended = true;
        var trailers = _response!.TrailingHeaders;
        ThrowUnlessOk(trailers.Any() ? trailers : _response.Headers);
        _options.OnTrailers?.Invoke(GrpcRequest.Metadata(trailers));
    }

    private void ThrowUnlessOk(System.Net.Http.Headers.HttpHeaders headers)
    {
        var text = GrpcRequest.Value(headers, GrpcHeaders.Status);
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw new GrpcException(GrpcStatus.Internal, $"{_method.Path} ended without a status");
        }

        if (number != 0)
        {
            _ended = true;
            var message = PercentEncoding.Decode(GrpcRequest.Value(headers, GrpcHeaders.Message) ?? "");
            throw new GrpcException(number <= 16 ? (GrpcStatus)number : GrpcStatus.Unknown, message)
            {
                Trailers = GrpcRequest.Metadata(headers),
            };
        }
    }

    private Exception Translate(Exception e) => e switch
    {
        GrpcException => e,
        _ when _content.Fault is { } fault && fault is not OperationCanceledException => fault,
        _ when _caller.IsCancellationRequested => new OperationCanceledException(e.Message, e, _caller),
        _ when _deadline?.IsCancellationRequested == true => new GrpcException(
            GrpcStatus.DeadlineExceeded, $"the deadline of {_method.Path} passed after {_options.Timeout}", e),
        _ => GrpcRequest.Describe(_method.Path, e),
    };
}
