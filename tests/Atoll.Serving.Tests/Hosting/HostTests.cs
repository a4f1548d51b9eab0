using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

public sealed class HostTests
{
    private const string Body = """{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}""";

    private const string RealTimeBody = """
        {"parameters":{"priority":1},"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}
        """;

    private static FakeModel Model(bool gated = false) =>
        new(FakeModel.Describe("m", ElementType.Float32, 1)) { Gated = gated };

    private static ServingHost Host(ServingOptions options) =>
        new(options, new ServingServices { Loader = new FakeLoader(), Loggers = NullLoggerFactory.Instance });

    [Fact]
    public async Task Of_two_files_of_one_version_the_first_is_loaded_and_the_other_left_out()
    {
        var loader = new FakeLoader(Model());
        await using var host = new ServingHost(
            new ServingOptions { Port = 0 },
            new ServingServices { Loader = loader, Loggers = NullLoggerFactory.Instance });

        await host.LoadAsync(
            [new("m", "1", "m.onnx", null), new("m", "1", "m/1/model.onnx", null)],
            TestContext.Current.CancellationToken);

        Assert.Equal(["m.onnx"], loader.Paths);
        Assert.Equal([("m", "1", ModelState.Ready, "")], host.Models);
    }

    [Fact]
    public void Other_addresses_than_loopback_need_a_token()
    {
        var error = Assert.Throws<ServingException>(() => Host(new ServingOptions { Address = IPAddress.Any }));

        Assert.Equal(ServingError.TokenRequired, error.Error);
        Assert.Contains("setting serving.tokens", error.Message);
    }

    [Fact]
    public async Task Port_in_use_is_a_clear_error()
    {
        await using var first = Host(new ServingOptions { Port = 0 });
        await first.StartAsync(TestContext.Current.CancellationToken);
        var log = new RecordingLog();
        var second = new ServingHost(
            new ServingOptions { Port = first.Url.Port },
            new ServingServices { Loader = new FakeLoader(), Loggers = log });

        var error = await Assert.ThrowsAsync<ServingException>(
            () => second.StartAsync(TestContext.Current.CancellationToken));
        await second.DisposeAsync();

        Assert.DoesNotContain(log.Lines, line => line.StartsWith("Stopped", StringComparison.Ordinal));

        Assert.Equal(ServingError.AddressInUse, error.Error);
        Assert.Contains($"port {first.Url.Port}: the port is in use", error.Message);
    }

    [Fact]
    public async Task Token_is_needed_where_tokens_are_set_and_may_forbid_real_time()
    {
        var options = new ServingOptions
        {
            Tokens = [new("batch", "secret-one", AllowRealTime: false), new("live", "secret-two")],
        };
        await using var server = await TestServer.StartAsync(options, [Model()]);

        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/v2/health/live")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.InferAsync("m", Body)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.GetAsync("/metrics")).Status);
        server.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-one");
        Assert.Equal(HttpStatusCode.OK, (await server.InferAsync("m", Body)).Status);
        var forbidden = await server.InferAsync("m", RealTimeBody);
        server.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-two");
        var allowed = await server.InferAsync("m", RealTimeBody);

        Assert.Equal(HttpStatusCode.Forbidden, forbidden.Status);
        Assert.Contains("token 'batch' may not ask for real-time work",
            forbidden.Json.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, allowed.Status);
    }

    [Fact]
    public async Task Shutdown_lets_the_request_in_flight_end_and_refuses_new_ones()
    {
        var model = Model(gated: true);
        await using var server = await TestServer.StartAsync(model);
        var running = server.InferAsync("m", Body);
        await model.BegunAsync();

        var stopping = server.Host.StopAsync(TestContext.Current.CancellationToken);
        var refused = await server.InferAsync("m", Body);
        model.LetOneGo();
        var ended = await running;
        await stopping;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Status);
        Assert.Contains("shutting down", refused.Json.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, ended.Status);
    }

    [Fact]
    public async Task Shutdown_cancels_what_does_not_end_in_time()
    {
        var model = Model(gated: true);
        await using var server = await TestServer.StartAsync(new ServingOptions { DrainTimeout = TimeSpan.Zero },
            [model]);
        var running = server.InferAsync("m", Body);
        await model.BegunAsync();

        await server.Host.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await running).Status);
        Assert.Equal([InferenceStatus.Cancelled], model.Ended);
    }

    [Fact]
    public async Task Events_tell_of_models_and_end_when_the_server_stops()
    {
        await using var server = await TestServer.StartAsync(Model());
        await server.InferAsync("m", Body);
        using var response = await server.Client.GetAsync(
            "/api/serving/events", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(
            await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));

        var line = await reader.ReadLineAsync(TestContext.Current.CancellationToken);
        using var state = JsonDocument.Parse(line!["data: ".Length..]);
        var model = state.RootElement.GetProperty("models")[0];
        await server.Host.StopAsync(TestContext.Current.CancellationToken);
        await reader.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("m", model.GetProperty("name").GetString());
        Assert.Equal(1, model.GetProperty("best_effort").GetProperty("completed").GetInt32());
    }

    [Fact]
    public async Task Metrics_count_requests_by_model_class_and_outcome()
    {
        await using var server = await TestServer.StartAsync(Model());
        await server.InferAsync("m", Body);
        await server.InferAsync("m", RealTimeBody);
        await server.InferAsync("unknown", Body);

        var text = await server.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

        const string Labels = "model=\"m\",version=\"1\"";
        const string BestEffort = $"{Labels},class=\"best_effort\"";
        string[] expected =
        [
            $$"""atoll_inference_requests_total{{{Labels}},class="real_time",outcome="completed"} 1""",
            $$"""atoll_inference_requests_total{{{BestEffort}},outcome="completed"} 1""",
            $$"""atoll_inference_duration_seconds_count{{{BestEffort}}} 1""",
            $$"""atoll_inference_duration_seconds_bucket{{{BestEffort}},le="+Inf"} 1""",
        ];
        Assert.All(expected, line => Assert.Contains(line + "\n", text));
        Assert.Contains("atoll_http_responses_total{code=\"404\"} 1\n", text);
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches(
            @"^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+=""[^""]*"",?)+\})? [0-9.E+-]+)$", line));
    }

    [Fact]
    public async Task Room_script_is_served()
    {
        await using var server = await TestServer.StartAsync(Model());

        using var response = await server.Client.GetAsync("/api/serving/script.js",
            TestContext.Current.CancellationToken);

        Assert.Equal("text/javascript", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("default-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single());
    }
}
