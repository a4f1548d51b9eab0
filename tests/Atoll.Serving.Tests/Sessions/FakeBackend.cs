using Atoll.Devices;

namespace Atoll.Serving.Tests;

/// <summary>A device that holds so many models of 100 MiB each.</summary>
internal sealed class FakeBackend(string name, int models = 10) : IBackend
{
    private int _loaded;

    public string Name => name;

    public long MemoryBytes { get; init; } = models * (100L << 20);

    /// <summary>Name of a model that it says it has no room for.</summary>
    public string? Refused { get; set; }

    /// <summary>Its models cannot be batched, whatever their shapes say.</summary>
    public bool Mixes { get; init; }

    /// <summary>It has no room for more models than this that share a prefix.</summary>
    public int MostSharing { get; init; } = int.MaxValue;

    /// <summary>Called with the name of each model before it is loaded.</summary>
    public Action<string>? OnLoading { get; set; }

    /// <summary>Called when a model has been loaded.</summary>
    public Action? OnLoaded { get; set; }

    /// <summary>Names of the models in the order in which they were loaded.</summary>
    public List<string> Loads { get; } = [];

    /// <summary>The replica that was loaded last, by model.</summary>
    public Dictionary<string, FakeReplica> Replicas { get; } = [];

    public Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken)
    {
        OnLoading?.Invoke(source.Source.Name);
        cancellationToken.ThrowIfCancellationRequested();
        if (_loaded == models || source.Source.Name == Refused || source.Shared?.Suffixes.Count > MostSharing)
        {
            throw new DeviceException(DeviceError.OutOfMemory, $"{name} is full");
        }

        _loaded++;
        Loads.Add(source.Source.Name);
        var replica = new FakeReplica { Sizes = [1, 2], Mixes = Mixes, OnDisposed = () => _loaded-- };
        Replicas[source.Source.Name] = replica;
        OnLoaded?.Invoke();
        return Task.FromResult<IReplica>(replica);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
