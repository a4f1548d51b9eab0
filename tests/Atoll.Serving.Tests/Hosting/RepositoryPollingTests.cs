using System.Net;

namespace Atoll.Serving.Tests;

public sealed partial class RepositoryTests
{
    [Fact]
    public async Task Polling_tries_a_version_that_failed_again_only_once_it_has_changed()
    {
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Poll);
        _models.Write("m/2/model.onnx", "broken");
        await server.Host.Control.PollAsync(Token);
        await server.Host.Control.PollAsync(Token);
        Assert.Equal(2, _models.Attempts);
        Assert.Equal(1f, await ValueAsync(server));

        _models.Write("m/2/model.onnx", "2");
        _models.Touch("m/2/model.onnx", 1);
        await server.Host.Control.PollAsync(Token);

        Assert.Equal(2f, await ValueAsync(server));
    }

    [Fact]
    public async Task Polling_tells_a_failure_once_for_each_change()
    {
        WriteVersions("m", 1);
        _models.Write("m/config.json", "{no");
        _models.Write("q.query.yaml", "objective_ms: x");
        var log = new RecordingLog();
        await using var server = await StartAsync(ModelControlMode.Poll, log: log);
        int Told(string name) => log.Lines.Count(line => line.Contains($"Model {name} version 1 failed"));
        await server.Host.Control.PollAsync(Token);
        await server.Host.Control.PollAsync(Token);
        Assert.Equal((1, 1), (Told("m"), Told("q")));

        _models.Write("m/config.json", "{nor this");
        await server.Host.Control.PollAsync(Token);
        await server.Host.Control.PollAsync(Token);

        Assert.Equal((2, 1), (Told("m"), Told("q")));
    }

    [Fact]
    public async Task Polling_follows_the_folder()
    {
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Poll);
        Assert.Equal(1f, await ValueAsync(server));

        _models.Write("m/2/model.onnx", "2");
        _models.Write("n/1/model.onnx", "5");
        await server.Host.Control.PollAsync(Token);
        Assert.Equal(2f, await ValueAsync(server));
        Assert.Equal(5f, await ValueAsync(server, "n"));
        _models.Write("m/2/model.onnx", "8");
        _models.Touch("m/2/model.onnx", 1);
        _models.Delete("n");
        await server.Host.Control.PollAsync(Token);

        Assert.Equal(8f, await ValueAsync(server));
        Assert.Equal(HttpStatusCode.NotFound, (await server.InferAsync("n", One)).Status);
        var load = await server.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/v2/repository/models/m/load"));
        Assert.Contains("not allowed if polling is enabled", Error(load.Json));
        Assert.Equal(4, _models.Made.Count);
    }

    [Fact]
    public async Task Polling_goes_on_while_a_request_to_a_model_that_is_gone_does_not_end()
    {
        _models.Gated = true;
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Poll);
        var running = server.InferAsync("m", One);
        await _models.Made[0].BegunAsync();
        _models.Delete("m");

        await server.Host.Control.PollAsync(Token);
        _models.Gated = false;
        _models.Write("n/1/model.onnx", "5");
        await server.Host.Control.PollAsync(Token);

        Assert.False(running.IsCompleted);
        Assert.Equal(5f, await ValueAsync(server, "n"));
        _models.Made[0].LetOneGo();
        Assert.Equal(HttpStatusCode.OK, (await running).Status);
        await server.Host.RetiredAsync();
        Assert.True(_models.Made[0].Disposed);
    }

    [Fact]
    public async Task Polling_outlives_whatever_goes_wrong_and_tells_it()
    {
        var clock = new ManualTimer();
        using var log = new HookedLog();
        var faults = 0;
        log.OnWarning = () =>
        {
            // What tells that a model has failed fails itself; what tells that does not.
            if (faults++ == 0)
            {
                throw new InvalidOperationException("the log is full");
            }
        };
        await using var server = await StartAsync(ModelControlMode.Poll, clock, log);
        _models.Write("m/1/model.onnx", "broken");
        clock.Tick();
        await log.Warned;

        _models.Write("m/1/model.onnx", "1");
        clock.Tick();
        await _models.LoadedAsync();

        Assert.Single(_models.Made);
    }

    [Fact]
    public async Task Polling_happens_when_its_timer_says()
    {
        var clock = new ManualTimer();
        await using var server = await StartAsync(ModelControlMode.Poll, clock);
        WriteVersions("m", 1);

        clock.Tick();
        await _models.LoadedAsync();

        Assert.Single(_models.Made);
    }
}
