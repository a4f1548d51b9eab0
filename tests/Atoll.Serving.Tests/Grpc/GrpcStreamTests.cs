using System.Threading.Channels;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using static Atoll.Serving.Tests.GrpcTestServer;

namespace Atoll.Serving.Tests;

/// <summary>A stream of requests: many at once, failures in between, and its end.</summary>
public sealed class GrpcStreamTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static IAsyncEnumerable<ModelStreamInferResponse> Stream(
        GrpcTestServer server, IAsyncEnumerable<ModelInferRequest> requests) =>
        server.Channel.DuplexStreaming(InferenceMethods.ModelStreamInfer, requests, cancellationToken: Stop);

    [Fact]
    public async Task Every_request_is_answered_by_its_id()
    {
        await using var server = await StartAsync(Floats());
        var requests = Enumerable.Range(0, 200).Select(i => Request(first: i)).ToAsyncEnumerable();

        var responses = await Stream(server, requests).ToListAsync(Stop);

        Assert.Equal(200, responses.Count);
        Assert.All(responses, response => Assert.Equal("", response.ErrorMessage));
        Assert.All(responses, response => Assert.Equal(
            response.InferResponse.Id, $"{Values<float>(response.InferResponse.RawOutputContents[0])[0]}"));
        Assert.Equal(200, responses.Select(response => response.InferResponse.Id).Distinct().Count());
    }

    [Fact]
    public async Task Request_that_fails_is_answered_and_the_stream_goes_on()
    {
        await using var server = await StartAsync(Floats());
        ModelInferRequest[] requests = [Request(first: 1), Request("absent", 2), Request(first: 3)];

        var responses = await Stream(server, requests.ToAsyncEnumerable()).ToListAsync(Stop);

        var failed = Assert.Single(responses, response => response.ErrorMessage.Length > 0);
        Assert.Equal("Request for unknown model: 'absent' is not found", failed.ErrorMessage);
        Assert.Equal("2", failed.InferResponse.Id);
        Assert.Equal(2, responses.Count(response => response.InferResponse.RawOutputContents.Count == 1));
    }

    [Fact]
    public async Task Fault_of_the_server_is_told_by_the_requests_id_and_no_other_answer_is_lost()
    {
        var model = Floats();
        await using var server = await StartAsync(model);
        var expected = 0;
        model.OnExpect = () => _ = Interlocked.Increment(ref expected) == 1
            ? throw new InvalidOperationException("out of order") : 0;
        ModelInferRequest[] requests = [Request(first: 1), Request(first: 2)];
        var responses = new List<ModelStreamInferResponse>();

        await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await foreach (var response in Stream(server, requests.ToAsyncEnumerable()))
            {
                responses.Add(response);
            }
        });

        var failed = Assert.Single(responses, response => response.ErrorMessage.Length > 0);
        Assert.Equal("1", failed.InferResponse.Id);
        Assert.Equal("the server failed at this request; its log says more", failed.ErrorMessage);
        Assert.Equal("2", Assert.Single(responses, response => response != failed).InferResponse.Id);
    }

    [Fact]
    public async Task Requests_of_a_stream_run_at_once_and_answer_as_they_end()
    {
        var slow = new FakeModel(FakeModel.Describe("slow", Atoll.Models.ElementType.Float32, 2)) { Gated = true };
        await using var server = await StartAsync(slow, Floats());
        ModelInferRequest[] requests = [Request("slow", 1), Request("m", 2)];
        await using var responses = Stream(server, requests.ToAsyncEnumerable()).GetAsyncEnumerator(Stop);

        Assert.True(await responses.MoveNextAsync());
        Assert.Equal("2", responses.Current.InferResponse.Id);
        slow.LetOneGo();
        Assert.True(await responses.MoveNextAsync());
        Assert.Equal("1", responses.Current.InferResponse.Id);
        Assert.False(await responses.MoveNextAsync());
    }

    [Fact]
    public async Task Leaving_the_stream_cancels_what_runs()
    {
        var model = Floats(gated: true);
        await using var server = await StartAsync(model);
        var requests = Channel.CreateUnbounded<ModelInferRequest>();
        requests.Writer.TryWrite(Request());
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var reading = server.Channel.DuplexStreaming(
            InferenceMethods.ModelStreamInfer, requests.Reader.ReadAllAsync(Stop), cancellationToken: leave.Token)
            .ToListAsync(leave.Token).AsTask();
        await model.BegunAsync();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await server.Http.Host.StopAsync(Stop);
        Assert.Equal([InferenceStatus.Cancelled], model.Ended);
    }

    [Fact]
    public async Task Idle_stream_does_not_hold_shutdown_up()
    {
        await using var server = await StartAsync(Floats());
        var requests = Channel.CreateUnbounded<ModelInferRequest>();
        requests.Writer.TryWrite(Request());
        await using var responses = Stream(server, requests.Reader.ReadAllAsync(Stop)).GetAsyncEnumerator(Stop);
        Assert.True(await responses.MoveNextAsync());

        await server.Http.Host.StopAsync(Stop);

        // The status says that the server went; the connection may be reset before its trailers are out.
        var error = await Assert.ThrowsAsync<GrpcException>(async () => await responses.MoveNextAsync());
        Assert.True(error.Status is GrpcStatus.Unavailable or GrpcStatus.Internal, $"{error.Status}: {error.Message}");
    }
}
