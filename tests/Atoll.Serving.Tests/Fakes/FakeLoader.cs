namespace Atoll.Serving.Tests;

/// <summary>Serves the fakes given by name; any other name fails to load.</summary>
internal sealed class FakeLoader(params IServedModel[] models) : IModelLoader
{
    public Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken) =>
        Task.FromResult(Array.Find(models, model => model.Metadata.Name == source.Name)
            ?? throw new InvalidDataException($"no operator 'Frobnicate' (node 'n1', opset 17) in {source.Path}"));
}
