namespace Atoll.Devices;

/// <summary>
/// An ordered queue of launches on a device: launches of one stream run one after another, streams share the device by
/// class and policy. Submitting is thread-safe, non-blocking and allocation-free.
/// </summary>
public abstract class DeviceStream : IDisposable
{
    protected DeviceStream(Device device, DeviceClient client, StreamOptions options)
    {
        Device = device;
        Client = client;
        Options = options;
    }

    public Device Device { get; }

    public DeviceClient Client { get; }

    public StreamOptions Options { get; }

    public WorkClass Class => Options.Class;

    /// <summary>Launches that wait or run.</summary>
    public abstract int Depth { get; }

    /// <summary>Queues the launch and, if it is real-time, claims the device for it.</summary>
    public abstract SubmitResult Submit(Launch launch);

    /// <summary>Cancels everything queued or running on this stream; returns how many launches were told.</summary>
    public abstract int CancelAll();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
