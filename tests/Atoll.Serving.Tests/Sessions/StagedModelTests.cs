using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>Models that no device can hold, on real devices, within an objective that nothing here can miss.</summary>
public sealed class StagedModelTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-stages-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string ModelPath => Path.Combine(_folder.FullName, "net.onnx");

    /// <summary>Nearly all of it weights.</summary>
    private long FileBytes => new FileInfo(ModelPath).Length;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_model_larger_than_each_device_runs_in_stages_and_answers_as_the_whole_one()
    {
        long whole;
        float[][] expected;
        using (var large = new CpuDevice(new CpuDeviceOptions { Units = 1 }))
        {
            await using var director = Director(large);
            await using var model = await LoadAsync(director);
            expected = await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => AnswerAsync(model, seed)));
            whole = director.Status.Devices[0].MemoryInUseBytes;
            Assert.Equal(large.MemoryInUseBytes, whole);
            Assert.InRange(whole, FileBytes * 9 / 10, FileBytes * 9 / 5);
            Assert.Empty(director.Status.Queries);
        }

        using var first = Device("one", whole * 4 / 5);
        using var second = Device("two", whole * 4 / 5);
        await using (var director = Director(first, second))
        {
            await using var model = await LoadAsync(director);
            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => AnswerAsync(model, seed)));

            for (var i = 0; i < answers.Length; i++)
            {
                Assert.True(Distance(expected[i], answers[i]) < 1e-3, $"request {i} got another answer");
            }

            Assert.True(Distance(expected[0], expected[1]) > 1e-2, "the requests are too alike");
            Assert.Equal("net", model.Metadata.Name);
            var query = Assert.Single(director.Status.Queries);
            Assert.Equal(2, query.Stages.Count);
            Assert.All(director.Status.Devices, device => Assert.True(
                device.MemoryInUseBytes > 0 && device.MemoryInUseBytes <= device.MemoryBytes,
                $"{device.Name} holds {device.MemoryInUseBytes} of {device.MemoryBytes} bytes"));
        }

        Assert.Equal(0, first.MemoryInUseBytes + second.MemoryInUseBytes);
    }

    [Fact]
    public async Task A_stage_of_a_query_runs_a_model_that_is_itself_in_stages()
    {
        long whole;
        float[] expected;
        using (var large = new CpuDevice(new CpuDeviceOptions { Units = 1 }))
        {
            await using var director = Director(large);
            await using var model = await LoadAsync(director);
            expected = await AnswerAsync(model, 3);
            whole = director.Status.Devices[0].MemoryInUseBytes;
        }

        using var first = Device("one", whole * 4 / 5);
        using var second = Device("two", whole * 4 / 5);
        await using (var director = Director(first, second))
        {
            await using var model = await LoadAsync(director);
            var spec = PipelineFile.Parse(
                $$"""
                objective_ms: 3600000
                stages:
                  - name: look
                    model: net/1
                    inputs: { {{model.Metadata.Inputs[0].Name}}: image }
                outputs:
                  found: look.{{model.Metadata.Outputs[0].Name}}
                """,
                "traffic", "the test");
            var wrong = await Assert.ThrowsAsync<ServingException>(() => director.LoadQueryAsync(
                spec with { Outputs = [new PipelineTensor("found", "look", "nothing")] }, Token));
            await using var query = await director.LoadQueryAsync(spec, Token);

            var answer = await AnswerAsync(query, 3);

            Assert.True(Distance(expected, answer) < 1e-3, "the query gives another answer");
            Assert.Contains("has no 'nothing'", wrong.Message);
            Assert.Equal("image", Assert.Single(query.Metadata.Inputs).Name);
            var stages = director.Status.Queries.Single(status => status.Name == "traffic").Stages;
            Assert.Equal(["look/stage1", "look/stage2"], stages.Select(stage => stage.Stage));
            Assert.True(((PipelineModel)query).Spec.Runs("net") && ((PipelineModel)query).Spec.RunsVersion("net", "1"));
        }

        Assert.Equal(0, first.MemoryInUseBytes + second.MemoryInUseBytes);
    }

    [Fact]
    public async Task A_model_that_fits_a_device_once_stays_whole()
    {
        SaveModel();
        using var first = Device("one", FileBytes * 9 / 5);
        using var second = Device("two", FileBytes * 9 / 5);
        await using var director = Director(first, second);

        await using var model = await LoadAsync(director);

        Assert.Empty(director.Status.Queries);
        Assert.All(director.Status.Devices, device => Assert.Equal("net", Assert.Single(device.Profiles).Model));
    }

    [Fact]
    public async Task A_model_too_large_for_all_devices_together_is_refused_with_its_size()
    {
        using var first = Device("one", 100_000);
        using var second = Device("two", 100_000);
        await using var director = Director(first, second);

        var refused = await Assert.ThrowsAsync<DeviceException>(() => LoadAsync(director));

        Assert.Contains("in 2 stages of equal Work: ", refused.Message);
        Assert.All(director.Status.Devices, device => Assert.Equal(0, device.MemoryInUseBytes));
        Assert.Empty(director.Models);
    }

    private static CpuDevice Device(string name, long memory) =>
        new(new CpuDeviceOptions { Name = name, Units = 1, MemoryBytes = memory });

    private static SessionDirector Director(params CpuDevice[] devices) => new(
        [.. devices.Select(device => new DeviceBackend(device))], new SessionDirectorOptions(), devices[0].Clock,
        NullLoggerFactory.Instance);

    private void SaveModel() => SampleModels.Create(
        "resnet50", ModelPath, new SampleModelOptions { Width = 0.125, Image = 32, Batch = 0 });

    private Task<IServedModel> LoadAsync(SessionDirector director)
    {
        SaveModel();
        var configuration = new ModelConfiguration
        {
            Class = WorkClass.RealTime, MaxBatchSize = 2, ObjectiveMs = 3_600_000, QueueCapacity = 64,
        };
        return director.LoadAsync(
            new ModelSource("net", "1", ModelPath, null), configuration, ModelLimits.Default, Token);
    }

    private static async Task<float[]> AnswerAsync(IServedModel model, int seed)
    {
        var random = new Random(seed);
        var pixels = new float[3 * 32 * 32];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = random.NextSingle();
        }

        var data = MemoryMarshal.AsBytes(pixels.AsSpan()).ToArray();
        var request = new InferenceRequest
        {
            Inputs = [new InputTensor([1, 3, 32, 32], data)], Class = WorkClass.RealTime,
        };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        var outcome = await model.InferAsync(request, CancellationToken.None);
        Assert.True(outcome.Status == InferenceStatus.Completed, $"{outcome.Status} {outcome.Reason}");
        using var outputs = outcome.Outputs!;
        return MemoryMarshal.Cast<byte, float>(outputs.Data(0)).ToArray();
    }

    private static double Distance(float[] a, float[] b)
    {
        var largest = a.Max(MathF.Abs);
        return a.Zip(b, (x, y) => Math.Abs(x - y)).Max() / largest;
    }
}
