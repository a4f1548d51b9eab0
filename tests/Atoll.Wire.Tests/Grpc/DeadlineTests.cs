using System.Threading.Channels;

namespace Atoll.Wire.Tests;

/// <summary>Deadlines and cancellation reach the handler and end the call at both sides.</summary>
public sealed class DeadlineTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deadline_ends_the_call_at_the_server()
    {
        var clock = new ManualClock();
        await using var server = await EchoServer.StartAsync(new GrpcHostOptions { Clock = clock });
        // The client's own clock stands still, so the answer is the server's.
        using var channel = server.Connect(new GrpcChannelOptions { Clock = new ManualClock() });
        var call = channel.UnaryAsync(
            EchoServer.Wait, new EchoRequest(), new GrpcCallOptions { Timeout = TimeSpan.FromSeconds(3) }, Stop);
        await server.BegunAsync();

        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(server.Cancelled.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        await server.Cancelled;
        var error = await Assert.ThrowsAsync<GrpcException>(() => call);

        Assert.Equal(GrpcStatus.DeadlineExceeded, error.Status);
        Assert.Contains("passed after 00:00:03", error.Message);
        Assert.Equal(0, clock.Waiting);
    }

    [Fact]
    public async Task Deadline_ends_the_call_at_the_client_and_cancels_the_handler()
    {
        var clock = new ManualClock();
        await using var server = await EchoServer.StartAsync(new GrpcHostOptions { Clock = new ManualClock() });
        using var channel = server.Connect(new GrpcChannelOptions { Clock = clock });
        var call = channel.UnaryAsync(
            EchoServer.Wait, new EchoRequest(), new GrpcCallOptions { Timeout = TimeSpan.FromSeconds(3) }, Stop);
        await server.BegunAsync();

        clock.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(GrpcStatus.DeadlineExceeded, (await Assert.ThrowsAsync<GrpcException>(() => call)).Status);
        await server.Cancelled;
    }

    [Fact]
    public async Task Cancelling_a_unary_call_cancels_its_handler()
    {
        await using var server = await EchoServer.StartAsync();
        using var leave = new CancellationTokenSource();
        var call = server.Channel.UnaryAsync(EchoServer.Wait, new EchoRequest(), null, leave.Token);
        await server.BegunAsync();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await server.Cancelled;
    }

    [Fact]
    public async Task Leaving_a_stream_before_its_end_cancels_its_handler()
    {
        await using var server = await EchoServer.StartAsync();
        var requests = Channel.CreateUnbounded<EchoRequest>();
        requests.Writer.TryWrite(new EchoRequest { Text = "one" });

        await foreach (var reply in server.Channel.DuplexStreaming(
            EchoServer.Chat, requests.Reader.ReadAllAsync(Stop), cancellationToken: Stop))
        {
            Assert.Equal("one", reply.Text);
            break;
        }

        await server.Cancelled;
    }

    [Fact]
    public async Task Client_that_vanishes_cancels_its_handlers()
    {
        await using var server = await EchoServer.StartAsync();
        var channel = server.Connect(new GrpcChannelOptions());
        var call = channel.UnaryAsync(EchoServer.Wait, new EchoRequest(), null, Stop);
        await server.BegunAsync();

        channel.Dispose();

        await server.Cancelled;
        await Assert.ThrowsAnyAsync<Exception>(() => call);
    }

    [Fact]
    public async Task Stopping_the_host_tells_waiting_clients()
    {
        await using var server = await EchoServer.StartAsync();
        var call = server.Channel.UnaryAsync(EchoServer.Wait, new EchoRequest(), null, Stop);
        await server.BegunAsync();

        await server.StopAsync();

        var error = await Assert.ThrowsAsync<GrpcException>(() => call);
        Assert.Equal(GrpcStatus.Unavailable, error.Status);
        Assert.Contains("shutting down", error.Message);
    }

    [Fact]
    public async Task Nobody_listening_is_unavailable()
    {
        var server = await EchoServer.StartAsync();
        using var channel = server.Connect(new GrpcChannelOptions());
        await server.DisposeAsync();

        var error = await Assert.ThrowsAsync<GrpcException>(() =>
            channel.UnaryAsync(EchoServer.Say, new EchoRequest(), null, Stop));

        Assert.Equal(GrpcStatus.Unavailable, error.Status);
    }

    [Theory]
    [InlineData(50)]
    [InlineData(10_000_000)]
    public async Task Deadline_beyond_what_a_timer_holds_is_taken(int days)
    {
        await using var server = await EchoServer.StartAsync();

        var reply = await server.SayAsync("a", new GrpcCallOptions { Timeout = TimeSpan.FromDays(days) });

        Assert.Equal("a", reply.Text);
    }

    [Fact]
    public async Task Every_call_is_told_by_the_status_that_it_ended_with()
    {
        var ended = new System.Collections.Concurrent.ConcurrentQueue<GrpcStatus>();
        await using var server = await EchoServer.StartAsync(new GrpcHostOptions { OnEnded = ended.Enqueue });
        var missing = new GrpcMethod<EchoRequest, EchoReply>(
            EchoServer.Say.Service, "Nothing", GrpcMethodKind.Unary, EchoServer.Say.Request, EchoServer.Say.Response);

        await server.SayAsync("a");
        await Assert.ThrowsAsync<GrpcException>(
            () => server.Channel.UnaryAsync(missing, new EchoRequest(), null, Stop));

        Assert.Equal([GrpcStatus.Ok, GrpcStatus.Unimplemented], ended);
    }

    [Fact]
    public async Task Deadline_in_the_past_fails_at_once()
    {
        await using var server = await EchoServer.StartAsync();

        var error = await Assert.ThrowsAsync<GrpcException>(() =>
            server.SayAsync("a", new GrpcCallOptions { Timeout = TimeSpan.Zero }));

        Assert.Equal(GrpcStatus.DeadlineExceeded, error.Status);
    }
}
