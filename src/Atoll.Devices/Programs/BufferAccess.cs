namespace Atoll.Devices;

/// <summary>How a kernel touches a range of a buffer.</summary>
[Flags]
public enum AccessKind
{
    Read = 1,
    Write = 2,

    /// <summary>Adds to what is there: running a block twice gives another result.</summary>
    Accumulate = 4 | Read | Write,
}

/// <summary>
/// A byte range of a buffer that a kernel reads or writes, declared so that replay safety can be proven.
/// </summary>
public readonly record struct BufferAccess(DeviceBuffer Buffer, long Offset, long Length, AccessKind Kind)
{
    public static BufferAccess Read(DeviceBuffer buffer) => new(buffer, 0, buffer.Length, AccessKind.Read);

    public static BufferAccess Write(DeviceBuffer buffer) => new(buffer, 0, buffer.Length, AccessKind.Write);

    public bool Overlaps(in BufferAccess other) =>
        ReferenceEquals(Buffer, other.Buffer) && Offset < other.Offset + other.Length && other.Offset < Offset + Length;
}
