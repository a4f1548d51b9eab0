using System.Net;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class SchedulingTests
{
    private static readonly ModelMetadata Metadata = FakeModel.Describe("m", ElementType.Float32, 1);

    private static string Body(string parameters = "") => $$$"""
        {"parameters":{{{{parameters}}}},"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}
        """;

    [Theory]
    [InlineData(WorkClass.BestEffort, "", WorkClass.BestEffort, 8)]
    [InlineData(WorkClass.BestEffort, "\"priority\":0", WorkClass.BestEffort, 8)]
    [InlineData(WorkClass.BestEffort, "\"priority\":1", WorkClass.RealTime, 1)]
    [InlineData(WorkClass.BestEffort, "\"priority\":3", WorkClass.BestEffort, 3)]
    [InlineData(WorkClass.RealTime, "", WorkClass.RealTime, 1)]
    [InlineData(WorkClass.RealTime, "\"priority\":2", WorkClass.BestEffort, 2)]
    public async Task Priority_chooses_the_class(
        WorkClass byDefault, string parameters, WorkClass expected, int priority)
    {
        var model = new FakeModel(Metadata);
        var options = new ServingOptions { ModelDefaults = new() { Class = byDefault } };
        await using var server = await TestServer.StartAsync(options, [model]);

        var (status, _) = await server.InferAsync("m", Body(parameters));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([(expected, priority)], model.Order);
    }

    [Fact]
    public async Task Real_time_does_not_wait_for_best_effort_requests_of_the_same_model()
    {
        var model = new FakeModel(Metadata, slots: 1) { Gated = true };
        await using var server = await TestServer.StartAsync(model);
        var bestEffort = server.InferAsync("m", Body());
        await model.BegunAsync();

        var realTime = server.InferAsync("m", Body("\"priority\":1"));
        await model.BegunAsync();

        Assert.Equal(WorkClass.RealTime, model.Order.Last().Class);
        model.LetOneGo();
        model.LetOneGo();
        await Task.WhenAll(bestEffort, realTime);
    }

    [Fact]
    public async Task Full_queue_answers_503_with_the_reason_and_when_to_come_again()
    {
        var model = new FakeModel(Metadata, slots: 1) { Gated = true };
        var options = new ServingOptions { ModelDefaults = new() { QueueCapacity = 0 } };
        await using var server = await TestServer.StartAsync(options, [model]);
        var running = server.InferAsync("m", Body());
        await model.BegunAsync();

        using var refused = await server.Client.PostAsync(
            "/v2/models/m/infer", new StringContent(Body()), TestContext.Current.CancellationToken);
        var text = await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        Assert.Contains("Exceeds maximum queue size: 0 best-effort requests wait for model", text);
        Assert.Contains("setting queue_capacity", text);
        model.LetOneGo();
        Assert.Equal(HttpStatusCode.OK, (await running).Status);
    }

    [Theory]
    [InlineData(InferenceStatus.Cancelled, "model 'm' is unloaded")]
    [InlineData(InferenceStatus.QueueFull, "stage 'first': 16 requests wait for session 'm/first'")]
    public void Refusal_tells_the_reason_that_there_is(InferenceStatus status, string reason)
    {
        var entry = new ModelEntry(new ModelSource("m", "1", "fake", null), TimeProvider.System);
        using var request = new InferenceRequest { Inputs = [] };

        var refusal = Refusal.Of(entry, request, new InferenceOutcome(status, null, reason));

        Assert.EndsWith(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Late_work_is_dropped_while_it_waits_and_while_it_runs()
    {
        var model = new FakeModel(Metadata, slots: 1) { Gated = true };
        using var clock = new ManualClock();
        await using var server = await TestServer.StartAsync(clock, model);

        var running = server.InferAsync("m", Body("\"timeout\":60000"));
        await clock.TimerMadeAsync();
        await model.BegunAsync();
        var waiting = server.InferAsync("m", Body("\"timeout\":1000"));
        await clock.TimerMadeAsync();
        clock.Advance(10_000);
        var waited = await waiting;
        clock.Advance(60_000);
        var ran = await running;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, waited.Status);
        Assert.Contains("Request timeout expired", waited.Json.GetProperty("error").GetString());
        Assert.Contains("Request timeout expired", ran.Json.GetProperty("error").GetString());
        Assert.Equal([InferenceStatus.Cancelled], model.Ended);
        Assert.Single(model.Order);
    }

    [Fact]
    public async Task Client_that_leaves_cancels_its_work()
    {
        var model = new FakeModel(Metadata, slots: 1) { Gated = true };
        await using var server = await TestServer.StartAsync(model);
        using var leaving = new CancellationTokenSource();
        var request = server.Client.PostAsync("/v2/models/m/infer", new StringContent(Body()), leaving.Token);
        await model.BegunAsync();

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        // The only slot must come free for this one to begin.
        var next = server.InferAsync("m", Body());
        await model.BegunAsync();
        model.LetOneGo();
        Assert.Equal(HttpStatusCode.OK, (await next).Status);
        Assert.Equal([InferenceStatus.Cancelled, InferenceStatus.Completed], model.Ended);
    }

    [Fact]
    public async Task Failing_model_answers_500_and_the_server_goes_on()
    {
        var model = new FakeModel(Metadata, slots: 1) { Fault = new InvalidOperationException("kernel 'conv1' threw") };
        await using var server = await TestServer.StartAsync(model);

        var failed = await server.InferAsync("m", Body());
        model.Fault = null;
        var good = await server.InferAsync("m", Body());

        Assert.Equal(HttpStatusCode.InternalServerError, failed.Status);
        Assert.Contains("kernel 'conv1' threw", failed.Json.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, good.Status);
    }
}
