using System.Threading.Channels;
using Google.Protobuf;

namespace Atoll.Wire.Tests;

/// <summary>All kinds of calls between our client and our server, and what goes beside the messages.</summary>
public sealed class CallTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unary_call_answers()
    {
        await using var server = await EchoServer.StartAsync();

        Assert.Equal("hello", (await server.SayAsync("hello")).Text);
        Assert.Equal("", (await server.SayAsync("")).Text);
    }

    [Fact]
    public async Task Server_streams_in_order()
    {
        await using var server = await EchoServer.StartAsync();

        var texts = await server.Channel.ServerStreaming(
            EchoServer.Repeat, new EchoRequest { Text = "n", Count = 1000 }, cancellationToken: Stop)
            .Select(reply => reply.Text).ToListAsync(Stop);

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"n {i}"), texts);
    }

    [Fact]
    public async Task Empty_stream_ends_well()
    {
        await using var server = await EchoServer.StartAsync();

        Assert.Empty(await server.Channel.ServerStreaming(
            EchoServer.Repeat, new EchoRequest(), cancellationToken: Stop).ToListAsync(Stop));
    }

    [Fact]
    public async Task Client_streams_in_order()
    {
        await using var server = await EchoServer.StartAsync();
        var words = Enumerable.Range(0, 500).Select(i => $"w{i}").ToList();

        var reply = await server.Channel.ClientStreamingAsync(
            EchoServer.Join, words.Select(word => new EchoRequest { Text = word }).ToAsyncEnumerable(), null, Stop);

        Assert.Equal(string.Join(' ', words), reply.Text);
    }

    [Fact]
    public async Task Duplex_call_answers_each_message_before_the_next_is_sent()
    {
        await using var server = await EchoServer.StartAsync();
        var requests = Channel.CreateBounded<EchoRequest>(1);
        await using var replies = server.Channel.DuplexStreaming(
            EchoServer.Chat, requests.Reader.ReadAllAsync(Stop), cancellationToken: Stop).GetAsyncEnumerator(Stop);

        for (var i = 0; i < 20; i++)
        {
            await requests.Writer.WriteAsync(new EchoRequest { Text = $"{i}" }, Stop);
            Assert.True(await replies.MoveNextAsync());
            Assert.Equal($"{i}", replies.Current.Text);
        }

        requests.Writer.Complete();
        Assert.False(await replies.MoveNextAsync());
    }

    [Fact]
    public async Task Headers_trailers_and_bytes_go_both_ways()
    {
        await using var server = await EchoServer.StartAsync();
        GrpcMetadata? headers = null, trailers = null;
        var sent = new GrpcMetadata { { "x-one", "1" }, { "x-two", "two words" } };
        sent.AddBytes("x-data-bin", [0, 255, 10]);

        await server.SayAsync("a", new GrpcCallOptions
        {
            Headers = sent,
            OnHeaders = received => headers = received,
            OnTrailers = received => trailers = received,
        });

        Assert.Equal("two words", headers!["x-two"]);
        Assert.Equal("1", trailers!["x-one-trailer"]);
        Assert.Equal([0, 255, 10], trailers.Bytes("x-data-bin"));
    }

    [Theory]
    [InlineData(GrpcStatus.NotFound, "plain words")]
    [InlineData(GrpcStatus.InvalidArgument, "100 % of größe,\r\n\tand 日本 😀")]
    [InlineData(GrpcStatus.DataLoss, "")]
    public async Task Failure_tells_status_message_and_trailers(GrpcStatus status, string message)
    {
        await using var server = await EchoServer.StartAsync();

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.Channel.UnaryAsync(
            EchoServer.Fail, new EchoRequest { Count = (int)status, Text = message }, null, Stop));

        Assert.Equal(status, error.Status);
        Assert.Equal(message, error.Message);
        Assert.Equal("asked", error.Trailers["x-why"]);
    }

    [Fact]
    public async Task Unexpected_fault_does_not_leak_its_text()
    {
        await using var server = await EchoServer.StartAsync();

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.Channel.UnaryAsync(
            EchoServer.Fail, new EchoRequest { Count = -1 }, null, Stop));

        Assert.Equal(GrpcStatus.Internal, error.Status);
        Assert.DoesNotContain("secret", error.Message);
    }

    [Fact]
    public async Task Unknown_methods_and_services_are_unimplemented()
    {
        await using var server = await EchoServer.StartAsync();
        var method = GrpcMethod.Of<EchoRequest, EchoReply>(EchoServer.Service, "Sing");
        var service = GrpcMethod.Of<EchoRequest, EchoReply>("no.Such", "Say");

        var first = await Assert.ThrowsAsync<GrpcException>(() =>
            server.Channel.UnaryAsync(method, new EchoRequest(), null, Stop));
        var second = await Assert.ThrowsAsync<GrpcException>(() =>
            server.Channel.UnaryAsync(service, new EchoRequest(), null, Stop));

        Assert.Equal(GrpcStatus.Unimplemented, first.Status);
        Assert.Contains("has no method Sing", first.Message);
        Assert.Equal(GrpcStatus.Unimplemented, second.Status);
        Assert.Contains($"this server has {EchoServer.Service}", second.Message);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("identity")]
    public async Task Messages_are_compressed_both_ways(string encoding)
    {
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions(), new GrpcChannelOptions { Compression = encoding });
        var text = string.Concat(Enumerable.Repeat("compress me ", 10_000));

        Assert.Equal(text, (await server.SayAsync(text)).Text);
        Assert.Equal("short", (await server.SayAsync("short")).Text);
        Assert.Equal(text, (await server.SayAsync(text, new GrpcCallOptions { Compression = "identity" })).Text);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("gzip")]
    public async Task Messages_of_64_MiB_pass(string? encoding)
    {
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions(), new GrpcChannelOptions { Compression = encoding });
        var data = new byte[64 << 20];
        new Random(7).NextBytes(data.AsSpan(0, data.Length / 2));

        var reply = await server.Channel.UnaryAsync(
            EchoServer.Say, new EchoRequest { Data = UnsafeByteOperations.UnsafeWrap(data) }, null, Stop);

        Assert.True(reply.Data.Span.SequenceEqual(data));
    }

    [Fact]
    public async Task Message_beyond_the_limit_is_refused_with_the_name_of_the_setting()
    {
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions { MaxMessageBytes = 2000, MaxMessageSetting = "setting wire.max" });

        var plain = await Assert.ThrowsAsync<GrpcException>(() => server.SayAsync(new string('a', 2000)));
        var compressed = await Assert.ThrowsAsync<GrpcException>(() => server.SayAsync(
            new string('a', 2000), new GrpcCallOptions { Compression = "gzip" }));

        Assert.Equal(GrpcStatus.ResourceExhausted, plain.Status);
        Assert.Contains("the limit is 2000 bytes (setting wire.max)", plain.Message);
        Assert.Equal(GrpcStatus.ResourceExhausted, compressed.Status);
        Assert.Contains("more than 2000 bytes when decompressed", compressed.Message);
        Assert.Equal("fits", (await server.SayAsync("fits")).Text);
    }

    [Fact]
    public async Task Client_refuses_what_is_beyond_its_own_limit()
    {
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions(), new GrpcChannelOptions { MaxMessageBytes = 100 });

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.SayAsync(new string('a', 200)));

        Assert.Equal(GrpcStatus.ResourceExhausted, error.Status);
    }

    [Fact]
    public async Task Fault_of_the_callers_own_stream_comes_back_as_it_is()
    {
        await using var server = await EchoServer.StartAsync();

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() =>
            server.Channel.ClientStreamingAsync(EchoServer.Join, Broken(), null, Stop));

        static async IAsyncEnumerable<EchoRequest> Broken()
        {
            await Task.CompletedTask;
            yield return new EchoRequest();
            throw new InvalidTimeZoneException();
        }
    }

    [Fact]
    public async Task Many_calls_share_a_channel()
    {
        await using var server = await EchoServer.StartAsync();

        var replies = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => server.SayAsync($"{i}")));

        Assert.Equal(Enumerable.Range(0, 400).Select(i => $"{i}"), replies.Select(reply => reply.Text));
    }
}
