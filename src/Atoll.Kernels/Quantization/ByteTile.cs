using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// One call of a byte micro-kernel: a tile of rows by 16 or 32 sums. Rows of A are unsigned bytes in two groups with a
/// common pitch; the reduction runs over segments, each some steps of four bytes; B holds signed bytes
/// [step][column][4]. The offsets are known to the machine code of <see cref="ByteTileAssembly"/>.
/// </summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct ByteTile
{
    public const int A0At = 0;
    public const int A1At = 8;
    public const int PitchAt = 16;
    public const int SegmentsAt = 24;
    public const int SegmentCountAt = 32;
    public const int StepsAt = 40;
    public const int BAt = 48;
    public const int SumsAt = 56;
    public const int GoesOnAt = 64;
    public const int SignalAt = 72;
    public const int MinusSeenAt = 80;
    public const int SegmentsLeftAt = 88;

    /// <summary>Rows 0 to h-1 start at A0, rows h on at A1, where h = (rows + 1) / 2.</summary>
    [FieldOffset(A0At)]
    public byte* A0;

    [FieldOffset(A1At)]
    public byte* A1;

    [FieldOffset(PitchAt)]
    public nint Pitch;

    /// <summary>Start of each segment relative to the row, in bytes; at least one.</summary>
    [FieldOffset(SegmentsAt)]
    public nint* Segments;

    [FieldOffset(SegmentCountAt)]
    public nint SegmentCount;

    /// <summary>Steps of each segment; at least one.</summary>
    [FieldOffset(StepsAt)]
    public nint Steps;

    [FieldOffset(BAt)]
    public sbyte* B;

    /// <summary>Sums [rows][columns], written; read first where the reduction goes on.</summary>
    [FieldOffset(SumsAt)]
    public int* Sums;

    /// <summary>1 where sums start from what is there, 0 where from zero.</summary>
    [FieldOffset(GoesOnAt)]
    public nint GoesOn;

    /// <summary>
    /// A call that finds another value here than was seen last may stop between two segments: the sums so far are
    /// stored, and how many segments are left.
    /// </summary>
    [FieldOffset(SignalAt)]
    public long* Signal;

    /// <summary>What was seen last, negated.</summary>
    [FieldOffset(MinusSeenAt)]
    public long MinusSeen;

    [FieldOffset(SegmentsLeftAt)]
    public nint SegmentsLeft;
}
