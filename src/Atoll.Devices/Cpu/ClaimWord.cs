using System.Runtime.CompilerServices;

namespace Atoll.Devices;

/// <summary>
/// The atomic word from which units claim blocks: generation (24 bits), block count (20), next block (20). One
/// increment claims a block of whichever kernel is current at that instant, so a slow unit can never claim from a
/// kernel that is over.
/// </summary>
internal static class ClaimWord
{
    private const int FieldBits = 20;
    private const long FieldMask = (1L << FieldBits) - 1;

    /// <summary>A word with nothing to claim.</summary>
    public const long Empty = 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Pack(long generation, int blocks) =>
        ((generation & 0xFFFFFF) << (2 * FieldBits)) | ((long)blocks << FieldBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(long word) => (int)(word & FieldMask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Blocks(long word) => (int)((word >> FieldBits) & FieldMask);

    /// <summary>Which of the stream's two front slots the word speaks of.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Slot(long word) => (int)((word >> (2 * FieldBits)) & 1);

    /// <summary>True while a block can be claimed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasBlock(long word) => Next(word) < Blocks(word);

    /// <summary>
    /// Claims every block of a kernel only to exit, as queued blocks do under a flag that says to die.
    /// </summary>
    public static void Exhaust(int blocks)
    {
        var word = Pack(1, blocks);
        while (HasBlock(Interlocked.Increment(ref word)))
        {
        }
    }
}
