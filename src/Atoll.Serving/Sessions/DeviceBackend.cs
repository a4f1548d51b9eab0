using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>A device of this process as a backend. Does not own the device.</summary>
public sealed class DeviceBackend(Device device, string? name = null) : IBackend
{
    public string Name { get; } = name ?? device.Name;

    public long MemoryBytes => device.MemoryBytes;

    /// <inheritdoc/>
    public async Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken) =>
        source.Shared is null
            ? await DeviceReplica.CreateAsync(device, source, cancellationToken)
            : await PrefixReplica.CreateAsync(device, source, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
