using Atoll.Devices;

namespace Atoll.Serving.Tests;

/// <summary>A model whose outputs a function computes from its inputs.</summary>
internal sealed class ScriptedModel(
    ModelMetadata metadata, Func<InputTensor[], (long[] Shape, byte[] Data)[]> compute) : IServedModel
{
    public ModelMetadata Metadata => metadata;

    public int Slots(WorkClass workClass) => 2;

    public void Expect()
    {
    }

    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken) =>
        new(new InferenceOutcome(InferenceStatus.Completed, new Computed(compute(request.Inputs))));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Serves this model alone, under the configuration, and a client of the server.</summary>
    public async Task<TestServer> ServeAsync(
        string configuration, TimeProvider? clock = null, string? folder = null, ServingOptions? options = null)
    {
        var path = Path.Combine(folder ?? Path.GetTempPath(), $"{Guid.NewGuid()}.config.json");
        await File.WriteAllTextAsync(path, configuration, TestContext.Current.CancellationToken);
        var host = new ServingHost((options ?? new()) with { Port = 0 }, new ServingServices
        {
            Loader = new Loader(this),
            Loggers = Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
            Clock = clock ?? TimeProvider.System,
        });
        await host.StartAsync(TestContext.Current.CancellationToken);
        await host.LoadAsync(
            [new ModelSource(metadata.Name, "1", "scripted", path)], TestContext.Current.CancellationToken);
        File.Delete(path);
        Assert.Equal("", Assert.Single(host.Models).Reason);
        return TestServer.Over(host);
    }

    private sealed class Loader(ScriptedModel model) : IModelLoader
    {
        public Task<IServedModel> LoadAsync(
            ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken) =>
            Task.FromResult<IServedModel>(model);
    }

    private sealed class Computed((long[] Shape, byte[] Data)[] tensors) : IInferenceOutputs
    {
        public ReadOnlySpan<long> Shape(int output) => tensors[output].Shape;

        public ReadOnlySpan<byte> Data(int output) => tensors[output].Data;

        public void Dispose()
        {
        }
    }
}
