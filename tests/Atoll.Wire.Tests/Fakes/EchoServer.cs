using System.Net;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Wire.Tests;

/// <summary>A host on a free loopback port whose service echoes, waits and fails as asked.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    public const string Service = "atoll.wire.tests.Echo";

    public static readonly GrpcMethod<EchoRequest, EchoReply> Say = Method("Say", GrpcMethodKind.Unary);
    public static readonly GrpcMethod<EchoRequest, EchoReply> Repeat = Method("Repeat", GrpcMethodKind.ServerStreaming);
    public static readonly GrpcMethod<EchoRequest, EchoReply> Join = Method("Join", GrpcMethodKind.ClientStreaming);
    public static readonly GrpcMethod<EchoRequest, EchoReply> Chat = Method("Chat", GrpcMethodKind.DuplexStreaming);
    public static readonly GrpcMethod<EchoRequest, EchoReply> Wait = Method("Wait", GrpcMethodKind.Unary);
    public static readonly GrpcMethod<EchoRequest, EchoReply> Fail = Method("Fail", GrpcMethodKind.Unary);

    private readonly GrpcHost _host;
    private readonly SemaphoreSlim _begun = new(0);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly GrpcChannelOptions _channelOptions;

    private EchoServer(GrpcHostOptions options, GrpcChannelOptions channelOptions)
    {
        _channelOptions = channelOptions;
        var services = new GrpcServices()
            .Unary(Say, SayAsync)
            .Unary(Wait, WaitAsync)
            .Unary(Fail, FailAsync)
            .ServerStreaming(Repeat, RepeatAsync)
            .ClientStreaming(Join, JoinAsync)
            .DuplexStreaming(Chat, ChatAsync);
        _host = new GrpcHost(services, options, NullLoggerFactory.Instance);
    }

    public Uri Url => _host.Url ?? new Uri("http://unix");

    public GrpcChannel Channel { get; private set; } = null!;

    /// <summary>Ends once a waiting handler has seen that it is cancelled.</summary>
    public Task Cancelled => _cancelled.Task;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static Task<EchoServer> StartAsync() => StartAsync(new GrpcHostOptions());

    public static async Task<EchoServer> StartAsync(GrpcHostOptions options, GrpcChannelOptions? channelOptions = null)
    {
        var host = options.UnixSocket is null
            ? options with { EndPoint = new IPEndPoint(IPAddress.Loopback, 0) }
            : options;
        var server = new EchoServer(host, channelOptions ?? new GrpcChannelOptions());
        await server._host.StartAsync(Stop);
        server.Channel = server.Connect(server._channelOptions);
        return server;
    }

    public GrpcChannel Connect(GrpcChannelOptions options) => new(Url, options);

    public Task<EchoReply> SayAsync(string text, GrpcCallOptions? options = null) =>
        Channel.UnaryAsync(Say, new EchoRequest { Text = text }, options, Stop);

    /// <summary>Returns when one more handler runs.</summary>
    public Task BegunAsync() => _begun.WaitAsync(Stop);

    public Task StopAsync() => _host.StopAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _host.DisposeAsync();
    }

    private static GrpcMethod<EchoRequest, EchoReply> Method(string name, GrpcMethodKind kind) =>
        GrpcMethod.Of<EchoRequest, EchoReply>(Service, name, kind);

    private static Task<EchoReply> SayAsync(EchoRequest request, GrpcCall call)
    {
        foreach (var (name, value) in call.Headers)
        {
            if (name.StartsWith("x-", StringComparison.Ordinal) && !name.EndsWith("-bin", StringComparison.Ordinal))
            {
                call.ResponseHeaders.Add(name, value);
                call.Trailers.Add(name + "-trailer", value);
            }
        }

        if (call.Headers.Bytes("x-data-bin") is { } bytes)
        {
            call.Trailers.AddBytes("x-data-bin", bytes);
        }

        return Task.FromResult(new EchoReply { Text = request.Text, Data = request.Data });
    }

    private async Task<EchoReply> WaitAsync(EchoRequest request, GrpcCall call)
    {
        _begun.Release();
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, call.Cancellation);
        }
        catch (OperationCanceledException)
        {
            _cancelled.TrySetResult();
            throw;
        }

        return new EchoReply();
    }

    private static Task<EchoReply> FailAsync(EchoRequest request, GrpcCall call)
    {
        if (request.Count < 0)
        {
            throw new InvalidOperationException("a secret of the server");
        }

        throw new GrpcException((GrpcStatus)request.Count, request.Text) { Trailers = new() { { "x-why", "asked" } } };
    }

    private static async Task RepeatAsync(EchoRequest request, GrpcResponseWriter<EchoReply> replies, GrpcCall call)
    {
        for (var i = 0; i < int.Min(request.Count, 1000); i++)
        {
            await replies.WriteAsync(new EchoReply { Text = $"{request.Text} {i}" });
        }
    }

    private static async Task<EchoReply> JoinAsync(IAsyncEnumerable<EchoRequest> requests, GrpcCall call)
    {
        var texts = new List<string>();
        var data = new List<byte>();
        await foreach (var request in requests)
        {
            texts.Add(request.Text);
            data.AddRange(request.Data);
        }

        return new EchoReply { Text = string.Join(' ', texts), Data = ByteString.CopyFrom([.. data]) };
    }

    private async Task ChatAsync(
        IAsyncEnumerable<EchoRequest> requests, GrpcResponseWriter<EchoReply> replies, GrpcCall call)
    {
        _begun.Release();
        try
        {
            await foreach (var request in requests)
            {
                await replies.WriteAsync(new EchoReply { Text = request.Text, Data = request.Data });
            }
        }
        catch (Exception e) when (call.Cancellation.IsCancellationRequested)
        {
            _ = e;
            _cancelled.TrySetResult();
            throw;
        }
    }
}
