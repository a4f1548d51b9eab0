using System.Net;
using Atoll.Simulation;

namespace Atoll.Tests;

public sealed class RealTimeClientTests
{
    private readonly EventQueue _queue = new();

    [Fact]
    public async Task A_prompt_server_gets_every_frame()
    {
        var samples = await RunAsync(answerMs: 5);

        Assert.Equal(20, samples.LatenciesMs.Count);
        Assert.All(samples.LatenciesMs, latency => Assert.Equal(5, latency, 6));
        Assert.Equal(0, samples.Missed);
    }

    // Frames are due every 50 ms; an answer takes 115 ms: frames 0, 2, 4, 6, 9, 11, 13, 16 and 18 are sent.
    [Fact]
    public async Task Frames_due_while_one_is_unanswered_are_missed_and_the_newest_is_sent_at_once()
    {
        var samples = await RunAsync(answerMs: 115);

        Assert.All(samples.LatenciesMs, latency => Assert.Equal(115, latency, 6));
        Assert.Equal(9, samples.LatenciesMs.Count);
        Assert.Equal(11, samples.Missed);
    }

    private async Task<RealTimeSamples> RunAsync(int answerMs)
    {
        using var http = new HttpClient(new SlowServer(_queue, TimeSpan.FromMilliseconds(answerMs)))
        {
            BaseAddress = new Uri("http://server"),
        };
        var request = new DemoRequest(new PreparedInference("model", [], new InferenceParameters(1, null)));
        var client = new RealTimeClient("model", new InferenceClient(http), [request], _queue.Clock) { Rate = 20 };
        var running = client.RunAsync(seconds: 1, TestContext.Current.CancellationToken);
        _queue.RunUntilIdle();
        return await running;
    }

    /// <summary>Answers each request after a fixed virtual time.</summary>
    private sealed class SlowServer(EventQueue queue, TimeSpan answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = new TaskCompletionSource<HttpResponseMessage>();
            queue.After(answer, () => response.SetResult(
                new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([]) }));
            return response.Task;
        }
    }
}
