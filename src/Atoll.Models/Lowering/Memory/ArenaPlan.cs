namespace Atoll.Models;

/// <summary>Byte offsets of the arena storages of a lowered program, and what reuse saved.</summary>
internal sealed record ArenaPlan(IReadOnlyDictionary<Storage, long> Offsets, long Bytes)
{
    /// <summary>Every offset and size is a multiple of a cache line, so that no two storages share one.</summary>
    public const int AlignmentBytes = 64;

    /// <summary>What the storages would need without reuse.</summary>
    public long UnsharedBytes => Offsets.Keys.Sum(s => Align(s.Bytes));

    public static long Align(long bytes) => (bytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes;
}
