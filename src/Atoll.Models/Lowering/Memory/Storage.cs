namespace Atoll.Models;

/// <summary>Where a storage lives.</summary>
internal enum StorageKind
{
    /// <summary>Placed by the planner; its bytes are reused once its last reader has run.</summary>
    Arena,

    /// <summary>A graph input's own buffer: written by the caller only.</summary>
    Input,

    /// <summary>A graph output's own buffer.</summary>
    Output,

    /// <summary>A constant, shared by all instances on a device.</summary>
    Constant,
}

/// <summary>One contiguous allocation of a lowered program; views of several values may share it.</summary>
internal sealed class Storage(int id, StorageKind kind, long bytes)
{
    public int Id { get; } = id;

    public StorageKind Kind { get; } = kind;

    public long Bytes { get; } = bytes;

    /// <summary>Which graph input or output this is; -1 for the other kinds.</summary>
    public int Slot { get; init; } = -1;

    /// <summary>The content of a constant.</summary>
    public Tensor? Constant { get; init; }

    public override string ToString() => $"{Kind}#{Id} ({Bytes} bytes)";
}
