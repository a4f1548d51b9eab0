using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

public sealed class SessionDirectorTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-director-");
    private readonly ManualClock _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _clock.Dispose();
    }

    [Fact]
    public async Task A_model_is_served_on_every_device_that_may_run_it()
    {
        FakeBackend[] backends = [new("a"), new("b"), new("c")];
        await using var director = Director(backends);

        var model = await LoadAsync(director, "net", Session() with { Devices = ["a", "c"] });
        var answer = await model.InferAsync(SessionBench.Request(7), Token);

        Assert.Equal([7], SessionBench.Take(answer));
        Assert.Equal(["net"], backends[0].Loads);
        Assert.Empty(backends[1].Loads);
        var session = director.Status.Sessions[0];
        Assert.Equal("net", session.Name);
        Assert.All(session.Seats, seat => Assert.Contains(seat.Device, new[] { "a", "c" }));
        Assert.Equal(1, session.Counts.Good);
    }

    [Fact]
    public async Task A_model_that_was_evicted_comes_back_when_it_is_asked_for()
    {
        var backend = new FakeBackend("a", models: 1);
        await using var director = Director(backend);
        var first = await LoadAsync(director, "one", Session(objectiveMs: 0));
        var second = await LoadAsync(director, "two", Session(objectiveMs: 0));
        Assert.Equal(["one", "two"], backend.Loads);

        var one = await first.InferAsync(SessionBench.Request(1), Token);
        var two = await second.InferAsync(SessionBench.Request(2), Token);

        Assert.Equal([1], SessionBench.Take(one));
        Assert.Equal([2], SessionBench.Take(two));
        Assert.Equal(["one", "two", "one", "two"], backend.Loads);
        Assert.Equal(3, director.Status.Devices[0].Evictions);
    }

    [Fact]
    public async Task Late_requests_are_served_as_best_effort_work_where_the_model_asks_for_it()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var model = await LoadAsync(director, "net", Session() with { WhenLate = LateRequests.Serve });
        var replica = backend.Replicas["net"];
        replica.Gated = true;
        var first = model.InferAsync(SessionBench.Request(1), Token).AsTask();
        var late = model.InferAsync(SessionBench.Request(2, rows: 2), Token).AsTask();
        var impatient = model.InferAsync(
            SessionBench.Request(3, deadline: _clock.GetTimestamp() + 1_000_000), Token).AsTask();
        var refused = SessionBench.Request(4);
        refused.Arrival = _clock.GetTimestamp();
        _clock.Advance(10_000_000);

        replica.Gated = false;
        replica.EndOne();

        Assert.Equal([2, 2], SessionBench.Take(await late));
        Assert.Equal([4], SessionBench.Take(await model.InferAsync(refused, Token)));
        Assert.Equal(InferenceStatus.Late, (await impatient).Status);
        Assert.Equal([1], SessionBench.Take(await first));
        var sessions = director.Status.Sessions.ToDictionary(session => session.Name);
        Assert.Equal(
            (2, 1, 0),
            (sessions["net"].Counts.Deferred, sessions["net"].Counts.Dropped, sessions["net"].Counts.Refused));
        Assert.Equal((WorkClass.BestEffort, 2), (sessions["net:late"].Class, sessions["net:late"].Counts.Good));
    }

    [Fact]
    public async Task A_model_that_the_first_device_has_no_room_for_is_loaded_on_the_next()
    {
        FakeBackend[] backends = [new("a", models: 1), new("b", models: 1)];
        await using var director = Director(backends);
        var one = await LoadAsync(director, "one", Session(objectiveMs: 0));
        await LoadAsync(director, "two", Session(objectiveMs: 0) with { Devices = ["a"] });
        await LoadAsync(director, "three", Session(objectiveMs: 0) with { Devices = ["b"] });
        backends[0].Refused = "one";

        var answer = await one.InferAsync(SessionBench.Request(1), Token);

        Assert.Equal([1], SessionBench.Take(answer));
        Assert.Equal(["one", "three", "one"], backends[1].Loads);
    }

    [Fact]
    public async Task A_query_with_a_real_time_stage_needs_the_right_to_it_also_behind_inputs_of_the_server()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", Session());
        await LoadAsync(director, "two", Session());
        var query = await director.LoadQueryAsync(Cascade(atLeast: 0), Token);
        var configuration = new ModelConfiguration { Sequence = new SequenceConfiguration() };
        var entry = new ModelEntry(new ModelSource("cascade", "1", "test", null), _clock);
        entry.Succeed(BoundModel.Bind(query, configuration, _clock), configuration);

        var refused = Assert.Throws<RequestException>(() => RequestScheduling.Classify(
            Image(), new RequestParameters { Priority = 8 }, entry,
            new AccessToken("guest", "", AllowRealTime: false)));

        Assert.Equal(403, refused.StatusCode);
    }

    [Fact]
    public async Task The_model_that_was_used_longest_ago_is_evicted()
    {
        var backend = new FakeBackend("a", models: 2);
        await using var director = Director(backend);
        var one = await LoadAsync(director, "one", Session(objectiveMs: 0));
        await LoadAsync(director, "two", Session(objectiveMs: 0));
        SessionBench.Take(await one.InferAsync(SessionBench.Request(1), Token));

        await LoadAsync(director, "three", Session(objectiveMs: 0));

        Assert.True(backend.Replicas["two"].Disposed);
        Assert.False(backend.Replicas["one"].Disposed);
    }

    [Fact]
    public async Task A_model_larger_than_the_device_evicts_nobody()
    {
        var backend = new FakeBackend("a", models: 1) { MemoryBytes = 1000 };
        await using var director = Director(backend);
        await LoadAsync(director, "one", Session(objectiveMs: 0));

        await Assert.ThrowsAsync<DeviceException>(() => LoadAsync(director, "two", Session(objectiveMs: 0)));

        Assert.Equal(["one"], backend.Loads);
        Assert.Equal(0, director.Status.Devices[0].Evictions);
    }

    [Fact]
    public async Task Models_that_made_room_for_one_that_did_not_fit_are_back_before_they_are_asked_for()
    {
        var backend = new FakeBackend("a") { Refused = "two" };
        await using var director = Director(backend);
        var one = await LoadAsync(director, "one", Session());

        await Assert.ThrowsAsync<DeviceException>(() => LoadAsync(director, "two", Session()));

        Assert.Equal(["one", "one"], backend.Loads);
        Assert.Equal([1], SessionBench.Take(await one.InferAsync(SessionBench.Request(1), Token)));
    }

    [Fact]
    public async Task A_request_that_comes_just_as_a_load_on_demand_fails_has_the_model_loaded_again()
    {
        var backend = new FakeBackend("a", models: 1);
        using var log = new HookedLog();
        await using var director = new SessionDirector(
            [backend], new SessionDirectorOptions { PrefixShare = 0 }, _clock, log);
        var one = await LoadAsync(director, "one", Session(objectiveMs: 0));
        await LoadAsync(director, "two", Session(objectiveMs: 0));
        backend.Refused = "one";
        var second = Task.FromResult(default(InferenceOutcome));
        log.OnWarning = () =>
        {
            backend.Refused = null;
            second = one.InferAsync(SessionBench.Request(2), Token).AsTask();
        };

        var first = await one.InferAsync(SessionBench.Request(1), Token);

        Assert.Contains("could not be loaded", first.Reason);
        await log.Warned;
        Assert.Equal([2], SessionBench.Take(await second));
    }

    [Fact]
    public async Task A_change_of_plan_fails_no_request_that_waits_or_runs()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var model = await LoadAsync(director, "net", Session());
        backend.Replicas["net"].Gated = true;
        var running = model.InferAsync(SessionBench.Request(1), Token).AsTask();
        var waiting = model.InferAsync(SessionBench.Request(2), Token).AsTask();

        await director.ExpectAsync(new Dictionary<string, double> { ["net"] = 20 }, Token);
        await LoadAsync(director, "other", Session());
        backend.Replicas["net"].EndOne();
        backend.Replicas["net"].EndOne();

        Assert.Equal([1], SessionBench.Take(await running));
        Assert.Equal([2], SessionBench.Take(await waiting));
    }

    [Fact]
    public async Task More_load_than_was_planned_for_is_planned_for_after_two_looks()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var model = await LoadAsync(director, "net", Session() with { ExpectedRate = 5 });
        Assert.Equal(5, director.Plan.Devices[0].Sessions[0].Rate, 3);

        for (var second = 0; second < 4; second++)
        {
            for (var i = 0; i < 40; i++)
            {
                _clock.Advance(25_000);
                SessionBench.Take(await model.InferAsync(SessionBench.Request(1), Token));
            }

            await director.LookAsync(Token);
        }

        Assert.InRange(director.Plan.Devices[0].Sessions.Sum(session => session.Rate), 10, 45);
    }

    [Theory]
    [InlineData(1, 8, "first dimension")]
    [InlineData(0, 0, "unknown device")]
    public async Task A_model_that_cannot_be_served_as_configured_says_why(int batch, int most, string why)
    {
        await using var director = Director(new FakeBackend("a"));
        var configuration = most > 0 ? Session() with { MaxBatchSize = most } : Session() with { Devices = ["x"] };

        var refused = await Assert.ThrowsAsync<ServingException>(
            () => LoadAsync(director, "net", configuration, batch));

        Assert.Contains(most > 0 ? why : "asks for device 'x'", refused.Message);
    }

    [Fact]
    public async Task A_query_runs_its_stages_within_their_parts_of_the_objective()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", Session());
        await LoadAsync(director, "two", Session());

        var query = await director.LoadQueryAsync(Cascade(atLeast: 0), Token);
        var answer = await query.InferAsync(Image(), Token);

        using var outputs = answer.Outputs!;
        Assert.Equal(Image().Inputs[0].Data.ToArray(), outputs.Data(0).ToArray());
        Assert.Equal(Image().Inputs[0].Data.ToArray(), outputs.Data(1).ToArray());
        var status = Assert.Single(director.Status.Queries);
        Assert.Equal(["one", "two"], status.Stages.Select(stage => stage.Model));
        Assert.True(status.Stages.Sum(stage => stage.Budget.TotalMilliseconds) <= 80.001);
        Assert.Equal(1, status.Counts.Good);
    }

    [Fact]
    public async Task A_branch_that_is_not_taken_has_an_output_without_rows()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", Session());
        await LoadAsync(director, "two", Session());

        var query = await director.LoadQueryAsync(Cascade(atLeast: 1e30), Token);
        var answer = await query.InferAsync(Image(), Token);

        using var outputs = answer.Outputs!;
        Assert.Equal(Image().Inputs[0].Data.ToArray(), outputs.Data(0).ToArray());
        Assert.Equal(0, outputs.Shape(1)[0]);
        Assert.Equal(0, outputs.Data(1).Length);
    }

    [Fact]
    public async Task A_query_over_a_missing_model_or_tensor_is_refused_by_name()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", Session());

        var refused = await Assert.ThrowsAsync<ServingException>(
            () => director.LoadQueryAsync(Cascade(atLeast: 0), Token));

        Assert.Contains("'two'", refused.Message);
    }

    [Fact]
    public async Task A_model_whose_requests_would_influence_each_other_is_refused_and_leaves_nothing_loaded()
    {
        var backend = new FakeBackend("a") { Mixes = true };
        await using var director = Director(backend);

        var refused = await Assert.ThrowsAsync<ServingException>(() => LoadAsync(director, "net", Session()));

        Assert.Contains("depends on the other requests", refused.Message);
        Assert.True(backend.Replicas["net"].Disposed);
        Assert.Empty(director.Models);
    }

    [Fact]
    public async Task A_model_can_be_replaced_while_it_serves()
    {
        await using var director = Director(new FakeBackend("a"));
        var old = await LoadAsync(director, "net", Session());

        var replacement = await LoadAsync(director, "net", Session());
        SessionBench.Take(await old.InferAsync(SessionBench.Request(1), Token));
        await old.DisposeAsync();

        Assert.Equal([2], SessionBench.Take(await replacement.InferAsync(SessionBench.Request(2), Token)));
        Assert.Single(director.Models);
    }

    private static PipelineSpec Cascade(double atLeast) => PipelineFile.Parse($$"""
        objective_ms: 80
        expected_rate: 2
        stages:
          - name: first
            model: one
            inputs: {input: image}
          - name: second
            model: two
            inputs: {input: image}
            when: {output: first.logits, index: 0, at_least: {{atLeast}}, probability: 0.5}
        outputs:
          coarse: first.logits
          fine: second.logits
        """, "cascade", "test");

    /// <summary>A request whose answer has the first element 5.</summary>
    private static InferenceRequest Image()
    {
        var request = new InferenceRequest
        {
            Inputs = [new InputTensor([1, 1], BitConverter.GetBytes(5f))], Class = WorkClass.RealTime,
        };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        return request;
    }

    private SessionDirector Director(params FakeBackend[] backends) =>
        new(backends, new SessionDirectorOptions { PrefixShare = 0 }, _clock, NullLoggerFactory.Instance);

    private static ModelConfiguration Session(double objectiveMs = 100) => new()
    {
        Class = WorkClass.RealTime, MaxBatchSize = 2, ObjectiveMs = objectiveMs, QueueCapacity = 16,
    };

    private Task<IServedModel> LoadAsync(
        SessionDirector director, string name, ModelConfiguration configuration, int batch = 0)
    {
        var path = Path.Combine(_folder.FullName, $"{name}.onnx");
        SampleModels.Create("vgg19", path, new SampleModelOptions { Width = 0.02, Image = 32, Batch = batch });
        return director.LoadAsync(
            new ModelSource(name, "1", path, null), configuration, ModelLimits.Default, Token);
    }
}
