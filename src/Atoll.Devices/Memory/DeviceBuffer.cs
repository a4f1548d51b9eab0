using System.Runtime.InteropServices;

namespace Atoll.Devices;

/// <summary>
/// Memory on a device, owned by a client and counted in its budget. Disposing it twice is harmless; disposing the
/// device disposes what is left. Not thread-safe apart from that.
/// </summary>
public sealed unsafe class DeviceBuffer : IDisposable
{
    /// <summary>One cache line, and the width of a 512-bit vector.</summary>
    public const int AlignmentBytes = 64;

    private byte* _pointer;

    internal DeviceBuffer(DeviceClient client, long length)
    {
        Client = client;
        Length = length;
        // One extra line: vector tails may read, never write, up to 63 bytes past the end.
        _pointer = (byte*)NativeMemory.AlignedAlloc(checked((nuint)length + AlignmentBytes), 4096);
        NativeMemory.Clear(_pointer, (nuint)length + AlignmentBytes);
    }

    public DeviceClient Client { get; }

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>Host-visible address of the first byte; 4096-byte aligned, zeroed at allocation.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was freed.</exception>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return _pointer;
        }
    }

    public bool IsDisposed => _pointer == null;

    public Span<T> AsSpan<T>() where T : unmanaged => new(Pointer, checked((int)(Length / sizeof(T))));

    public void Dispose()
    {
        var pointer = _pointer;
        if (pointer == null)
        {
            return;
        }

        _pointer = null;
        NativeMemory.AlignedFree(pointer);
        Client.Device.Release(this);
    }
}
