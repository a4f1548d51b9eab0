using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>Models that begin alike, served together on a real device.</summary>
public sealed class PrefixServingTests : IDisposable
{
    /// <summary>1000 classes of 256 channels, with bias.</summary>
    private const long HeadBytes = 1000 * (256 + 1) * sizeof(float);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-prefixes-");
    private readonly CpuDevice _device = new(new CpuDeviceOptions { Units = 1 });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _device.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Variants_of_a_backbone_run_together_and_answer_as_they_do_apart()
    {
        var apart = await AnswersAsync(share: 0);
        var together = await AnswersAsync(share: 0.25);

        Assert.Null(apart.Status.Sessions[0].Prefix);
        var prefix = together.Status.Sessions[0].Prefix;
        Assert.StartsWith("prefix:", prefix, StringComparison.Ordinal);
        Assert.All(together.Status.Sessions, session => Assert.Equal(prefix, session.Prefix));
        Assert.Equal([prefix], together.Status.Devices[0].Profiles.Select(profile => profile.Model));
        for (var i = 0; i < apart.Answers.Length; i++)
        {
            Assert.True(Distance(apart.Answers[i], together.Answers[i]) < 1e-3, $"request {i} got another answer");
        }

        Assert.True(Distance(apart.Answers[0], apart.Answers[1]) > 1e-2, "the variants answer alike");
        Assert.Equal(0, _device.MemoryInUseBytes);
    }

    [Fact]
    public async Task A_prefix_takes_memory_once()
    {
        var apart = await AnswersAsync(share: 0);
        var together = await AnswersAsync(share: 0.25);

        var (alone, shared) = (apart.Status.Devices[0].MemoryInUseBytes, together.Status.Devices[0].MemoryInUseBytes);

        // The files are nearly all weights; of each, what is not its own head is one prefix for the three.
        var file = new FileInfo(Path.Combine(_folder.FullName, "variant0.onnx")).Length;
        var prefix = file - HeadBytes;
        var figures = $"{shared} bytes together, {alone} apart, {file} in each file, {prefix} of it shared";
        Assert.True(alone >= 3 * 0.9 * file && alone <= 3 * 1.8 * file, figures);
        Assert.True(alone - shared >= 2 * 0.9 * prefix, figures);
    }

    [Fact]
    public async Task Models_come_and_go_under_load_and_no_request_fails()
    {
        await using var director = Director(0.25);
        var a = await LoadAsync(director, "a", 1);
        var b = await LoadAsync(director, "b", 2);
        var c = await LoadAsync(director, "c", 3);
        var expected = await Task.WhenAll(AnswerAsync(a, 5), AnswerAsync(b, 5));
        using var stopping = new CancellationTokenSource();
        var load = new[] { (a, expected[0]), (b, expected[1]) }.Select(own => KeepAskingAsync(own, stopping.Token));
        var answered = Task.WhenAll([.. load]);

        await c.DisposeAsync();
        var d = await LoadAsync(director, "d", 4);
        await b.InferAsync(Request(1), Token);
        var again = await LoadAsync(director, "c", 3);
        await d.DisposeAsync();
        await again.DisposeAsync();
        await stopping.CancelAsync();

        Assert.All(await answered, count => Assert.True(count > 0, "a model was not asked"));
        Assert.All(director.Status.Sessions, session => Assert.NotNull(session.Prefix));
        await b.DisposeAsync();
        Assert.True(Distance(expected[0], await AnswerAsync(a, 5)) < 1e-3);
        Assert.All(director.Status.Sessions, session => Assert.Null(session.Prefix));
        Assert.Equal(["a"], director.Status.Devices[0].Profiles.Select(profile => profile.Model));
    }

    /// <summary>Asks until told to stop, and checks every answer.</summary>
    private static async Task<int> KeepAskingAsync((IServedModel Model, float[] Expected) own, CancellationToken stop)
    {
        var asked = 0;
        for (; asked == 0 || !stop.IsCancellationRequested; asked++)
        {
            var answer = await AnswerAsync(own.Model, 5);
            Assert.True(Distance(own.Expected, answer) < 1e-3, $"request {asked} got another answer");
        }

        return asked;
    }

    private async Task<(float[][] Answers, DirectorStatus Status)> AnswersAsync(double share)
    {
        await using var director = Director(share);
        var models = new List<IServedModel>();
        for (var variant = 0; variant < 3; variant++)
        {
            models.Add(await LoadAsync(director, $"variant{variant}", variant));
        }

        var requests = Enumerable.Range(0, 24).Select(i => AnswerAsync(models[i % 3], i / 3));
        var answers = await Task.WhenAll(requests);
        Assert.InRange(director.Status.Devices[0].MemoryInUseBytes, 1, _device.MemoryInUseBytes);
        return (answers, director.Status);
    }

    private SessionDirector Director(double share) => new(
        [new DeviceBackend(_device)], new SessionDirectorOptions { PrefixShare = share }, _device.Clock,
        NullLoggerFactory.Instance);

    private Task<IServedModel> LoadAsync(SessionDirector director, string name, int head)
    {
        var path = Path.Combine(_folder.FullName, $"{name}.onnx");
        SampleModels.Create("resnet50", path, new SampleModelOptions
        {
            Width = 0.125, Image = 32, Batch = 0, HeadSeed = 100 + head,
        });
        var configuration = new ModelConfiguration
        {
            Class = WorkClass.RealTime, MaxBatchSize = 4, ObjectiveMs = 60_000, QueueCapacity = 64,
        };
        return director.LoadAsync(new ModelSource(name, "1", path, null), configuration, ModelLimits.Default, Token);
    }

    private static InferenceRequest Request(int seed)
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
        return request;
    }

    private static async Task<float[]> AnswerAsync(IServedModel model, int seed)
    {
        var outcome = await model.InferAsync(Request(seed), CancellationToken.None);
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
