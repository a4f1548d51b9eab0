namespace Atoll.Devices;

/// <summary>
/// Who owns streams and memory on a device: the unit of memory budget, of suspend and resume, and of accounting.
/// </summary>
public sealed class DeviceClient
{
    internal long BytesInUse;
    internal volatile bool IsSuspended;

    internal DeviceClient(Device device, string name, long memoryBudgetBytes)
    {
        Device = device;
        Name = name;
        MemoryBudgetBytes = memoryBudgetBytes;
    }

    public Device Device { get; }

    public string Name { get; }

    /// <summary>Most device memory in bytes that this client's buffers may hold together.</summary>
    public long MemoryBudgetBytes { get; }

    public long MemoryInUseBytes => Interlocked.Read(ref BytesInUse);

    public bool Suspended => IsSuspended;

    /// <summary>Stops all streams of this client at once: running blocks are left at their next yield point.</summary>
    public void Suspend() => Device.SetSuspended(this, true);

    /// <summary>Lets all streams of this client go on exactly where they stopped.</summary>
    public void Resume() => Device.SetSuspended(this, false);
}
