namespace Atoll.Devices;

/// <summary>
/// Bytes that lie beside the device's buffers, such as weights packed for kernels, counted against the device and a
/// client until it is disposed. Disposing it twice is harmless.
/// </summary>
public sealed class MemoryCharge : IDisposable
{
    private int _isGone;

    internal MemoryCharge(DeviceClient client, long bytes) => (Client, Bytes) = (client, bytes);

    public DeviceClient Client { get; }

    public long Bytes { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isGone, 1) == 0)
        {
            Client.Device.Release(this);
        }
    }
}
