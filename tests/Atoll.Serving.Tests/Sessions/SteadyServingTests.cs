using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>Nothing else of this project runs beside these tests, which look at the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessAlone
{
    public const string Name = "the whole process";
}

/// <summary>Once warm, a request allocates nothing on any thread, in a session or without one.</summary>
[Collection(ProcessAlone.Name)]
public sealed class SteadyServingTests(ITestOutputHelper output) : IDisposable
{
    private const int WarmUp = 1000;
    private const int Requests = 1000;

    // Other threads (the pool's, the test host's) allocate now and then, so the quietest of some rounds counts; even a
    // single object for every twenty requests would come to more than this.
    private const int Rounds = 5;
    private const int BytesMax = Requests;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-steady-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Requests_of_a_model_by_itself_allocate_nothing()
    {
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var model = await DeviceModel.CreateAsync(
            device, Compile(batch: 1), new ModelConfiguration(), ("net", "1"));
        var request = Request();

        await MeasureAsync(() => model.InferAsync(request, CancellationToken.None));
    }

    [Fact]
    public async Task Requests_of_a_session_allocate_nothing()
    {
        using var device = new CpuDevice(new CpuDeviceOptions());
        using var compiled = Compile(batch: 0);
        var configuration = new ModelConfiguration { Class = WorkClass.RealTime, MaxBatchSize = 4 };
        var file = new ModelSource("net", "1", "net.onnx", null);
        var source = new ReplicaSource(file, configuration) { Model = compiled };
        await using var replica = await DeviceReplica.CreateAsync(device, source, CancellationToken.None);
        using var bench = new SessionBench(SessionBench.Options(objectiveMs: 1e6));
        bench.AddDevice(replica);
        using var client = new CancellationTokenSource();
        var request = Request();

        await MeasureAsync(() => bench.Session.InferAsync(request, client.Token));
    }

    private static InferenceRequest Request()
    {
        var data = new byte[3 * 32 * 32 * sizeof(float)];
        var request = new InferenceRequest { Inputs = [new InputTensor([1, 3, 32, 32], data)] };
        request.Class = WorkClass.RealTime;
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        return request;
    }

    private CompiledModel Compile(int batch)
    {
        var path = Path.Combine(_folder.FullName, "net.onnx");
        SampleModels.Create("vgg19", path, new SampleModelOptions { Width = 0.03, Image = 32, Batch = batch });
        return ModelCompiler.Compile(OnnxModel.Load(path).Graph);
    }

    private async Task MeasureAsync(Func<ValueTask<InferenceOutcome>> infer)
    {
        // Elsewhere, since the test's own context allocates whenever it is continued.
        var allocated = new long[Rounds];
        await Task.Run(() => RunAsync(infer, allocated));

        output.WriteLine($"rounds of {Requests} requests allocated {string.Join(", ", allocated)} bytes");
        Assert.InRange(allocated.Min(), 0, BytesMax);
    }

    private static async Task RunAsync(Func<ValueTask<InferenceOutcome>> infer, long[] allocated)
    {
        for (var i = 0; i < WarmUp; i++)
        {
            (await infer()).Outputs!.Dispose();
        }

        for (var round = 0; round < allocated.Length; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Requests; i++)
            {
                (await infer()).Outputs!.Dispose();
            }

            allocated[round] = GC.GetTotalAllocatedBytes(precise: true) - before;
        }
    }
}
