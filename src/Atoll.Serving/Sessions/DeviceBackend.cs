using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>A device of this process as a backend. Does not own the device. Thread-safe.</summary>
public sealed class DeviceBackend(Device device, string? name = null) : IBackend
{
    private readonly Lock _lock = new();
    private readonly HashSet<CompiledModel> _programs = [];

    public string Name { get; } = name ?? device.Name;

    public long MemoryBytes => device.MemoryBytes;

    /// <inheritdoc/>
    public async Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        RequireRoom(source);
        IReplica replica = source.Shared is null
            ? await DeviceReplica.CreateAsync(device, source, cancellationToken)
            : await PrefixReplica.CreateAsync(device, source, cancellationToken);
        if (UsedBytes() is var used && used > MemoryBytes)
        {
            await replica.DisposeAsync();
            throw new DeviceException(DeviceError.OutOfMemory,
                $"with '{source.Source.Name}' {used} bytes would be in use on {Name}, which has {MemoryBytes} " +
                    $"(setting " +
                "device.memory)");
        }

        return replica;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private long UsedBytes()
    {
        lock (_lock)
        {
            return device.MemoryInUseBytes + _programs.Sum(program => program.PackedBytesOn(device));
        }
    }

    /// <summary>Weights that are packed for kernels lie outside of what the device counts: they are counted here.
    /// </summary>
    private void RequireRoom(ReplicaSource source)
    {
        lock (_lock)
        {
            _programs.RemoveWhere(program => program.ConstantBytesOn(device) == 0);
            var more = source.Programs.Where(program => !_programs.Contains(program)).ToArray();
            var needed = more.Sum(program => program.WeightBytes);
            var used = UsedBytes();
            if (needed > MemoryBytes - used)
            {
                throw new DeviceException(DeviceError.OutOfMemory,
                    $"the weights of '{source.Source.Name}' are {needed} bytes: {used} of {MemoryBytes} bytes of " +
                        $"{Name} " +
                    "are in use (setting device.memory)");
            }

            _programs.UnionWith(more);
        }
    }
}
