using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>The streams of a replica: one per priority, made when first used; real-time work has the first.</summary>
internal sealed class ReplicaStreams(Device device, DeviceClient client, int queueCapacity) : IDisposable
{
    private readonly DeviceStream?[] _streams = new DeviceStream?[ModelConfiguration.MaxPriority + 1];
    private readonly Lock _lock = new();

    public DeviceStream For(WorkClass workClass, int priority)
    {
        if (Volatile.Read(ref _streams[priority]) is { } known)
        {
            return known;
        }

        lock (_lock)
        {
            return _streams[priority] ??= device.CreateStream(new StreamOptions
            {
                Name = $"{client.Name}:{priority}",
                Class = workClass,
                Priority = priority,
                QueueCapacity = queueCapacity,
                Client = client,
            });
        }
    }

    public void Dispose()
    {
        foreach (var stream in _streams)
        {
            stream?.Dispose();
        }
    }
}
