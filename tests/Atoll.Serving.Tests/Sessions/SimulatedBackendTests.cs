using Atoll.Devices;
using Atoll.Models;
using Atoll.Simulation;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>The live director on simulated devices, in virtual time.</summary>
public sealed class SimulatedBackendTests : IDisposable
{
    private const int Pixels = 3 * 32 * 32;
    private const long Mebibyte = 1 << 20;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-simulated-");
    private readonly EventQueue _time = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task An_answer_has_the_models_shape_is_zero_and_comes_after_the_profiles_time()
    {
        await using var director = Director(1, memory: 0);
        var model = await LoadAsync(director, "a", Configuration(100));

        var answer = model.InferAsync(Request(), Token).AsTask();
        _time.RunFor(TimeSpan.FromMilliseconds(9.9));
        Assert.False(answer.IsCompleted);
        _time.RunFor(TimeSpan.FromMilliseconds(0.2));

        using var outputs = (await answer).Outputs!;
        Assert.Equal([1, 1000], outputs.Shape(0).ToArray());
        Assert.Equal(4000, outputs.Data(0).Length);
        Assert.Equal(-1, outputs.Data(0).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public Task A_rate_that_is_four_times_as_high_from_one_moment_is_absorbed_and_planned_for() => Task.Run(async () =>
    {
        await using var director = Director(4, memory: 0);
        var model = await LoadAsync(director, "a", Configuration(100) with { ExpectedRate = 200 });
        Assert.Single(director.Plan.Devices);

        Offer(model, perSecond: 200, from: 0, until: 4);
        Offer(model, perSecond: 800, from: 4, until: 14);
        Look(director, seconds: 13);
        _time.RunFor(TimeSpan.FromSeconds(15));

        var counts = director.Status.Sessions[0].Counts;
        Assert.Equal((4 * 200) + (10 * 800), counts.Arrived);
        Assert.Equal(counts.Arrived, counts.Good + counts.Late + counts.Dropped + counts.Refused);
        Assert.True(counts.Good >= 0.99 * counts.Arrived, $"{counts}");
        Assert.InRange(director.Plan.Devices.Sum(device => device.Sessions.Sum(session => session.Rate)), 790, 900);
        Assert.True(director.Plan.Devices.Count >= 3, $"{director.Plan.Devices.Count} devices planned");
    }, Token);

    [Fact]
    public Task Overload_leaves_goodput_at_what_the_devices_carry() => Task.Run(async () =>
    {
        await using var director = Director(2, memory: 0);
        var model = await LoadAsync(director, "a", Configuration(100));

        // A batch of 8 takes 24 ms: two devices carry 667 a second at the very most.
        Offer(model, perSecond: 1000, from: 0, until: 10);
        Look(director, seconds: 10);
        _time.RunFor(TimeSpan.FromSeconds(11));

        var counts = director.Status.Sessions[0].Counts;
        Assert.InRange(counts.Good / 10.0, 0.9 * 667, 667.5);
        Assert.True(counts.Late <= 0.001 * counts.Arrived, $"{counts}");
    }, Token);

    [Fact]
    public Task Models_that_do_not_fit_together_take_turns_on_a_device() => Task.Run(async () =>
    {
        await using var director = Director(1, memory: 150 * Mebibyte);
        var first = await LoadAsync(director, "a", Configuration(0));
        var second = await LoadAsync(director, "b", Configuration(0));

        var asked = new List<Task<InferenceOutcome>>();
        for (var i = 0; i < 4; i++)
        {
            asked.Add(first.InferAsync(Request(), Token).AsTask());
            _time.RunFor(TimeSpan.FromMilliseconds(50));
            asked.Add(second.InferAsync(Request(), Token).AsTask());
            _time.RunFor(TimeSpan.FromMilliseconds(50));
        }

        Assert.All(await Task.WhenAll(asked), answer => Assert.Equal(InferenceStatus.Completed, answer.Status));
        Assert.Equal(9, director.Status.Devices[0].Evictions);
        Assert.True(director.Status.Devices[0].MemoryInUseBytes <= 150 * Mebibyte);
    }, Token);

    [Fact]
    public async Task Models_that_begin_alike_take_the_memory_of_the_prefix_once()
    {
        await using var director = Director(1, memory: 150 * Mebibyte, share: 0.25);
        await LoadAsync(director, "a", Configuration(100), head: 1);
        await LoadAsync(director, "b", Configuration(100), head: 2);

        var device = director.Status.Devices[0];

        Assert.StartsWith("prefix:", Assert.Single(device.Profiles).Model, StringComparison.Ordinal);
        Assert.InRange(device.MemoryInUseBytes, 100 * Mebibyte, 150 * Mebibyte);
    }

    [Fact]
    public async Task A_model_without_a_profile_is_refused_by_name()
    {
        await using var director = Director(1, memory: 0);

        var refused = await Assert.ThrowsAsync<ServingException>(() => LoadAsync(director, "x", Configuration(100)));

        Assert.Contains("no profile of model 'x'", refused.Message);
    }

    [Fact]
    public async Task A_batch_beyond_the_models_profile_is_refused_at_load()
    {
        await using var director = Director(1, memory: 0);

        var refused = await Assert.ThrowsAsync<ServingException>(
            () => LoadAsync(director, "a", Configuration(100) with { MaxBatchSize = 16 }));

        Assert.Equal(ServingError.ModelNotServable, refused.Error);
        Assert.Contains("model 'a' may get batches of 16", refused.Message);
        Assert.Contains("ends at 8", refused.Message);
        Assert.Equal(0, director.Status.Devices[0].MemoryInUseBytes);
    }

    private void Offer(IServedModel model, int perSecond, int from, int until)
    {
        for (var i = 0; i < (until - from) * perSecond; i++)
        {
            _time.After(TimeSpan.FromSeconds(from + ((i + 0.5) / perSecond)), () => _ = AskAsync(model));
        }
    }

    private static async Task AskAsync(IServedModel model)
    {
        var answer = await model.InferAsync(Request(), CancellationToken.None);
        answer.Outputs?.Dispose();
    }

    private void Look(SessionDirector director, int seconds)
    {
        for (var second = 1; second <= seconds; second++)
        {
            _time.After(TimeSpan.FromSeconds(second), () =>
            {
                var looking = director.LookAsync(Token);
                Assert.True(looking.IsCompletedSuccessfully, "a look waited for something");
            });
        }
    }

    private SessionDirector Director(int devices, long memory, double share = 0)
    {
        var kind = new DeviceKind("gpu", devices, memory);
        BatchProfile[] profiles = [.. new[] { "a", "b" }.Select(model => BatchProfile.Linear(
            model, "gpu", alphaMs: 2, betaMs: 8, maxBatch: 8, new ProfileMemory(100 * Mebibyte, 0)))];
        var backends = Enumerable.Range(0, devices).Select(index => new SimulatedBackend(
            kind.DeviceName(index), kind, new ProfileTable(profiles), _time.Clock));
        return new SessionDirector(
            [.. backends], new SessionDirectorOptions { PrefixShare = share }, _time.Clock,
            NullLoggerFactory.Instance);
    }

    private static ModelConfiguration Configuration(double objectiveMs) => new()
    {
        Class = WorkClass.RealTime, MaxBatchSize = 8, ObjectiveMs = objectiveMs, QueueCapacity = 256,
    };

    private static InferenceRequest Request()
    {
        var request = new InferenceRequest
        {
            Inputs = [new InputTensor([1, 3, 32, 32], new byte[4 * Pixels])], Class = WorkClass.RealTime,
        };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        return request;
    }

    private Task<IServedModel> LoadAsync(
        SessionDirector director, string name, ModelConfiguration configuration, int head = 1)
    {
        var path = Path.Combine(_folder.FullName, $"{name}.onnx");
        SampleModels.Create("resnet50", path, new SampleModelOptions
        {
            Width = 0.125, Image = 32, Batch = 0, HeadSeed = head,
        });
        return director.LoadAsync(
            new ModelSource(name, "1", path, null), configuration, ModelLimits.Default, Token);
    }
}
