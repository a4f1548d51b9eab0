using System.Collections.Concurrent;

namespace Atoll.Serving.Tests;

/// <summary>Serves the fakes given by name; any other name fails to load.</summary>
internal sealed class FakeLoader(params IServedModel[] models) : IModelLoader
{
    /// <summary>What was asked for.</summary>
    public ConcurrentQueue<string> Paths { get; } = [];

    public Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken)
    {
        Paths.Enqueue(source.Path);
        return Task.FromResult(Array.Find(models, model => model.Metadata.Name == source.Name)
            ?? throw new InvalidDataException($"no operator 'Frobnicate' (node 'n1', opset 17) in {source.Path}"));
    }
}
