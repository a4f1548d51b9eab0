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

    private const int LineFloats = 16;

    /// <summary>The rows that the tile writes, and those of its residual.</summary>
    public static void Outputs(Tile* tile)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        var half = (tile->Rows + 1) / 2;
        Rows(tile->C0, tile->PitchC, half, tile->Width);
        Rows(tile->C1, tile->PitchC, tile->Rows - half, tile->Width);
        if ((tile->Flags & TileFlags.Residual) != 0)
        {
            Rows(tile->Residual0, tile->PitchResidual, half, tile->Width);
            Rows(tile->Residual1, tile->PitchResidual, tile->Rows - half, tile->Width);
        }
    }

    /// <summary>The rows of A that the next tile reads with the same weights; what two of its rows share, once.</summary>
    public static void Inputs(Tile* tile, TileRows* next, nint offset)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        var half = (next->Rows + 1) / 2;
        var length = Math.Min(tile->SegmentLength, Math.Max(LineFloats, Math.Abs(tile->PitchA)));
        for (nint segment = 0; segment < tile->SegmentCount; segment++)
        {
            var start = tile->Segments[segment] + offset;
            Rows(next->A0 + start, tile->PitchA, half, length);
            Rows(next->A1 + start, tile->PitchA, next->Rows - half, length);
        }
    }

    private static void Rows(float* start, nint pitch, int rows, nint length)
    {
        for (; rows > 0; rows--, start += pitch)
        {
            for (nint column = 0; column < length; column += LineFloats)
            {
                Sse.Prefetch1(start + column);
            }
        }
    }
}
