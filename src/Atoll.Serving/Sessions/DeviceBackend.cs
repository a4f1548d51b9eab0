using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>A device of this process as a backend. Does not own the device. Thread-safe.</summary>
public sealed class DeviceBackend(Device device, string? name = null) : IBackend
{
    public string Name { get; } = name ?? device.Name;

    public long MemoryBytes => device.MemoryBytes;

    /// <inheritdoc/>
    public async Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        RequireRoom(source);
        return source.Shared is null
            ? await DeviceReplica.CreateAsync(device, source, cancellationToken)
            : await PrefixReplica.CreateAsync(device, source, cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>
    /// Tells before anything is packed; what packing and runs take, the device itself counts and refuses.
    /// </summary>
    private void RequireRoom(ReplicaSource source)
    {
        var needed = source.Programs.Where(program => program.ConstantBytesOn(device) == 0)
            .Sum(program => program.WeightBytes);
        var used = device.MemoryInUseBytes;
        if (needed > MemoryBytes - used)
        {
            throw new DeviceException(DeviceError.OutOfMemory,
                $"the weights of '{source.Source.Name}' are {needed} bytes: {used} of {MemoryBytes} bytes of {Name} " +
                "are in use (setting device.memory)");
        }
    }
}
