using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>How models that begin alike are planned for and take batches, with fake devices.</summary>
public sealed class PrefixPlanningTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-prefix-plans-");
    private readonly ManualClock _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _clock.Dispose();
    }

    [Fact]
    public async Task The_planner_sees_one_session_with_the_rates_of_all_and_the_shortest_objective()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        await LoadAsync(director, "two", objectiveMs: 60, rate: 10);

        var planned = Assert.Single(director.Plan.Devices[0].Sessions);

        Assert.EndsWith("/60ms", planned.Session, StringComparison.Ordinal);
        Assert.Equal(30, planned.Rate, 3);
        Assert.Equal(60, planned.Objective.TotalMilliseconds);
        Assert.Equal(["one", "one:best_effort", "two", "two:best_effort"],
            director.Status.Sessions.Select(session => session.Name));
        Assert.Equal(100 << 20, director.Status.Devices[0].MemoryInUseBytes);
    }

    [Fact]
    public async Task Objectives_far_from_each_other_share_memory_but_no_batches()
    {
        await using var director = Director(new FakeBackend("a"));
        await LoadAsync(director, "one", objectiveMs: 1000, rate: 20);
        await LoadAsync(director, "two", objectiveMs: 60, rate: 10);

        var planned = director.Plan.Devices[0].Sessions;

        Assert.Equal(2, planned.Count);
        Assert.Single(planned.Select(session => session.Model).Distinct());
        Assert.Equal(100 << 20, director.Status.Devices[0].MemoryInUseBytes);
    }

    [Fact]
    public async Task One_batch_holds_requests_of_several_models_and_each_keeps_its_own_counts()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var one = await LoadAsync(director, "one", objectiveMs: 500, rate: 20);
        var two = await LoadAsync(director, "two", objectiveMs: 500, rate: 20);
        var replica = backend.Replicas.Single(pair => pair.Key.StartsWith("prefix:", StringComparison.Ordinal)).Value;
        replica.Gated = true;

        var first = one.InferAsync(SessionBench.Request(1), Token).AsTask();
        var second = one.InferAsync(SessionBench.Request(2), Token).AsTask();
        var third = two.InferAsync(SessionBench.Request(3), Token).AsTask();
        replica.EndOne();
        replica.EndOne();

        Assert.Equal([1], SessionBench.Take(await first));
        Assert.Equal([2], SessionBench.Take(await second));
        Assert.Equal([3], SessionBench.Take(await third));
        Assert.Equal([[1], [2, 3]], replica.Batches);
        Assert.Equal([2, 1], director.Status.Sessions.Where(session => session.Class == WorkClass.RealTime)
            .Select(session => session.Counts.Good));
    }

    [Fact]
    public async Task A_client_that_leaves_stops_the_batch_only_when_those_of_all_models_have_left()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var one = await LoadAsync(director, "one", objectiveMs: 500, rate: 20);
        var two = await LoadAsync(director, "two", objectiveMs: 500, rate: 20);
        var replica = backend.Replicas.Single(pair => pair.Key.StartsWith("prefix:", StringComparison.Ordinal)).Value;
        replica.Gated = true;
        using var leaving = new CancellationTokenSource();

        var running = one.InferAsync(SessionBench.Request(1), Token).AsTask();
        var ofOne = one.InferAsync(SessionBench.Request(2), leaving.Token).AsTask();
        var ofTwo = two.InferAsync(SessionBench.Request(3), leaving.Token).AsTask();
        replica.EndOne();
        await leaving.CancelAsync();

        Assert.Equal([1], SessionBench.Take(await running));
        Assert.Equal(InferenceStatus.Cancelled, (await ofOne).Status);
        Assert.Equal(InferenceStatus.Cancelled, (await ofTwo).Status);
        Assert.Equal(1, replica.Cancelled);
    }

    [Fact]
    public async Task A_group_that_fits_nowhere_leaves_its_models_as_they_were()
    {
        var backend = new FakeBackend("a") { MostSharing = 1 };
        await using var director = Director(backend);
        await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        var two = await LoadAsync(director, "two", objectiveMs: 60, rate: 10);

        Assert.Equal([2], SessionBench.Take(await two.InferAsync(SessionBench.Request(2), Token)));
        Assert.All(director.Status.Sessions, session => Assert.Null(session.Prefix));
        Assert.All(backend.Loads, name => Assert.Contains(name, new[] { "one", "two" }));
    }

    [Fact]
    public async Task A_model_that_cannot_join_leaves_the_group_that_serves_as_it_was()
    {
        var backend = new FakeBackend("a") { MostSharing = 2 };
        await using var director = Director(backend);
        await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        await LoadAsync(director, "two", objectiveMs: 60, rate: 10);
        var three = await LoadAsync(director, "three", objectiveMs: 60, rate: 10);

        Assert.Equal([3], SessionBench.Take(await three.InferAsync(SessionBench.Request(3), Token)));
        Assert.Equal([true, true, false], director.Status.Sessions
            .Where(session => session.Class == WorkClass.RealTime).Select(session => session.Prefix is not null));
        Assert.Equal(2 * (100 << 20), director.Status.Devices[0].MemoryInUseBytes);
    }

    [Fact]
    public async Task A_group_serves_until_the_one_that_replaces_it_does_where_another_model_can_make_room()
    {
        var backend = new FakeBackend("a", models: 3);
        await using var director = Director(backend);
        await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        await LoadAsync(director, "two", objectiveMs: 60, rate: 10);
        await LoadAsync(director, "other", objectiveMs: 90, rate: 10, workClass: WorkClass.BestEffort);
        await LoadAsync(director, "last", objectiveMs: 90, rate: 10, workClass: WorkClass.BestEffort, device: "a");
        var group = backend.Replicas.Single(pair => pair.Key.StartsWith("prefix:", StringComparison.Ordinal)).Value;
        var served = true;
        backend.OnLoading = name =>
            served &= !group.Disposed || !name.StartsWith("prefix:", StringComparison.Ordinal);

        var three = await LoadAsync(director, "three", objectiveMs: 60, rate: 10);

        Assert.True(served, "the group was taken away before the new one was there");
        Assert.True(group.Disposed);
        Assert.Equal([3], SessionBench.Take(await three.InferAsync(SessionBench.Request(3), Token)));
    }

    [Fact]
    public async Task A_load_that_is_cancelled_after_its_group_was_made_leaves_the_other_model_in_service()
    {
        var backend = new FakeBackend("a");
        await using var director = Director(backend);
        var one = await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        using var cancelling = new CancellationTokenSource();
        backend.OnLoaded = cancelling.Cancel;
        var alone = backend.Replicas["one"];

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => LoadAsync(director, "two", objectiveMs: 60, rate: 10, cancellation: cancelling.Token));

        Assert.False(alone.Disposed);
        Assert.Equal([1], SessionBench.Take(await one.InferAsync(SessionBench.Request(1), Token)));
        Assert.Equal(2, backend.Loads.Count);
        Assert.True(backend.Replicas[backend.Loads[1]].Disposed);
        Assert.Equal(["one"], director.Status.Devices[0].Profiles.Select(profile => profile.Model));
        Assert.Equal("one", Assert.Single(director.Plan.Devices[0].Sessions).Model);
    }

    [Fact]
    public async Task A_load_that_is_cancelled_between_devices_leaves_nothing_on_the_first()
    {
        var (first, second) = (new FakeBackend("a"), new FakeBackend("b"));
        await using var director = Director(first, second);
        var one = await LoadAsync(director, "one", objectiveMs: 90, rate: 20);
        using var cancelling = new CancellationTokenSource();
        second.OnLoading = _ => cancelling.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => LoadAsync(director, "two", objectiveMs: 60, rate: 10, cancellation: cancelling.Token));

        Assert.Equal(2, first.Loads.Count);
        Assert.True(first.Replicas[first.Loads[1]].Disposed);
        Assert.All(director.Status.Devices, device => Assert.Equal(100 << 20, device.MemoryInUseBytes));
        Assert.Equal([1], SessionBench.Take(await one.InferAsync(SessionBench.Request(1), Token)));
    }

    [Fact]
    public async Task Groups_of_one_backbone_that_differ_in_class_are_planned_for_beside_each_other()
    {
        await using var director = Director(new FakeBackend("a"));
        foreach (var (name, workClass) in new[]
        {
            ("one", WorkClass.RealTime), ("two", WorkClass.RealTime),
            ("three", WorkClass.BestEffort), ("four", WorkClass.BestEffort),
        })
        {
            await LoadAsync(director, name, objectiveMs: 90, rate: 10, workClass: workClass);
        }

        Assert.Equal(2, director.Status.Sessions.Select(session => session.Prefix).Distinct().Count());
        Assert.Equal([20, 20], director.Plan.Devices[0].Sessions.Select(session => Math.Round(session.Rate)));
        Assert.Equal(2 * (100 << 20), director.Status.Devices[0].MemoryInUseBytes);
    }

    [Fact]
    public async Task Groups_of_one_backbone_on_different_devices_each_keep_their_promise()
    {
        await using var director = Director(new FakeBackend("a"), new FakeBackend("b"));
        foreach (var (name, device) in new[] { ("one", "a"), ("two", "a"), ("three", "b"), ("four", "b") })
        {
            await LoadAsync(director, name, objectiveMs: 90, rate: 10, device: device);
        }

        Assert.Equal(["a", "b"], director.Plan.Devices.Select(device => device.Kind).Order());
        Assert.All(director.Plan.Devices, device => Assert.Equal(20, Assert.Single(device.Sessions).Rate, 3));
    }

    private SessionDirector Director(params FakeBackend[] backends) =>
        new(backends, new SessionDirectorOptions(), _clock, NullLoggerFactory.Instance);

    private Task<IServedModel> LoadAsync(
        SessionDirector director, string name, double objectiveMs, double rate,
        WorkClass workClass = WorkClass.RealTime, string? device = null, CancellationToken? cancellation = null)
    {
        var path = Path.Combine(_folder.FullName, $"{name}.onnx");
        SampleModels.Create("vgg19", path, new SampleModelOptions { Width = 0.02, Image = 32, Batch = 0 });
        var configuration = new ModelConfiguration
        {
            Class = workClass, MaxBatchSize = 2, ObjectiveMs = objectiveMs, ExpectedRate = rate,
            QueueCapacity = 16, Devices = device is null ? [] : [device],
        };
        return director.LoadAsync(
            new ModelSource(name, "1", path, null), configuration, ModelLimits.Default, cancellation ?? Token);
    }
}
