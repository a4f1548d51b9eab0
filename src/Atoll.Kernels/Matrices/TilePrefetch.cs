using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>
/// Fetches what a tile will touch while another computes. Images larger than a near cache come from far memory in
/// short pieces, which the processor does not foresee.
/// </summary>
internal static unsafe class TilePrefetch
{
    /// <summary>Bytes from which an operand counts as far: it would fill the near cache.</summary>
    public const long FarBytes = 768 << 10;

    /// <summary>Bytes that a micro-kernel fetches per four steps of the reduction, where it fetches.</summary>
    public const int StepBytes = 128;

    private const int LineFloats = 16;

    /// <summary>The rows that the tile writes, and those of its residual.</summary>
    public static void Outputs(Tile* tile)
    {
        var half = (tile->Rows + 1) / 2;
        Rows(tile->C0, tile->PitchC, half, tile->Width);
        Rows(tile->C1, tile->PitchC, tile->Rows - half, tile->Width);
        if ((tile->Flags & TileFlags.Residual) != 0)
        {
            Rows(tile->Residual0, tile->PitchResidual, half, tile->Width);
            Rows(tile->Residual1, tile->PitchResidual, tile->Rows - half, tile->Width);
        }
    }

    /// <summary>
    /// The rows of A that the next tile reads with the same weights; what two of its rows share, once. Where they are
    /// one piece, the micro-kernel fetches most of it bit by bit: many requests at once would wait for each other.
    /// </summary>
    public static void Inputs(Tile* tile, TileRows* next, nint offset)
    {
        var half = (next->Rows + 1) / 2;
        if (tile->SegmentCount == 1 && tile->PitchA - tile->SegmentLength is >= 0 and < LineFloats * 2
            && next->A1 == next->A0 + half * tile->PitchA)
        {
            tile->Prefetch = (byte*)(next->A0 + tile->Segments[0] + offset);
            tile->PrefetchStep = StepBytes;
            var done = tile->SegmentLength / 4 * (StepBytes / sizeof(float));
            Rows(next->A0 + tile->Segments[0] + offset + done, 0, 1, next->Rows * tile->PitchA - done);
            return;
        }

        var length = Math.Min(tile->SegmentLength, Math.Max(LineFloats, Math.Abs(tile->PitchA)));
        for (nint segment = 0; segment < tile->SegmentCount; segment++)
        {
            var start = tile->Segments[segment] + offset;
            Rows(next->A0 + start, tile->PitchA, half, length);
            Rows(next->A1 + start, tile->PitchA, next->Rows - half, length);
        }
    }

    /// <summary>Pieces of some elements, a pitch apart.</summary>
    public static void Rows(float* start, nint pitch, int rows, nint length)
    {
        for (; Sse.IsSupported && rows > 0; rows--, start += pitch)
        {
            for (nint column = 0; column < length; column += LineFloats)
            {
                Sse.Prefetch1(start + column);
            }
        }
    }
}
