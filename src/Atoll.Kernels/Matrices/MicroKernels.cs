using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Chooses the micro-kernel of a level; the vector ones are generated at build time.</summary>
internal static unsafe class MicroKernels
{
    /// <summary>Rows that a tile has at most: as many as keep all sums in registers.</summary>
    public static int MaxRows(SimdLevel level) => level == SimdLevel.Vector512 ? 14 : 6;

    /// <summary>Columns of a full panel: two registers. A last panel may be half as wide.</summary>
    public static int PanelWidth(SimdLevel level) => level == SimdLevel.Vector512 ? 32 : 16;

    public static delegate*<Tile*, void> Of(SimdLevel level, int rows, int width)
    {
        var vectors = width * 2 / PanelWidth(level);
        return level switch
        {
            SimdLevel.Vector512 => GeneratedMicroKernels.Tiles512(rows, vectors),
            SimdLevel.Vector256 => GeneratedMicroKernels.Tiles256(rows, vectors),
            _ => &Scalar,
        };
    }

    /// <summary>
    /// Runs a whole tile, with yield points inside: sums that pause in memory go on as if they had stayed in registers,
    /// so results do not depend on it. False when the block must be left.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Run(delegate*<Tile*, void> kernel, Tile* tile, BlockContext context)
    {
        tile->Skip = tile->LeftCount = 0;
        tile->Signal = context.Signal;
        tile->Seen = context.SignalSeen;
        kernel(tile);
        return tile->LeftCount == 0 || GoOn(kernel, tile, context);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool GoOn(delegate*<Tile*, void> kernel, Tile* tile, BlockContext context)
    {
        // The caller's tile stays as it is, for the next rows.
        var rest = *tile;
        rest.Flags |= TileFlags.LoadPartial;
        rest.PrefetchStep = 0;
        while (rest.LeftCount > 0)
        {
            if (context.Yield())
            {
                return false;
            }

            rest.Segments = rest.LeftSegments;
            rest.B = rest.LeftB;
            (rest.SegmentCount, rest.Skip) = (rest.LeftCount, rest.LeftSkip);
            (rest.LeftCount, rest.Seen) = (0, context.SignalSeen);
            kernel(&rest);
        }

        return true;
    }

    /// <summary>The same contract in plain loops, where there is no vector unit.</summary>
    private static void Scalar(Tile* tile)
    {
        var half = (tile->Rows + 1) / 2;
        for (var r = 0; r < tile->Rows; r++)
        {
            var a = r < half ? tile->A0 + r * tile->PitchA : tile->A1 + (r - half) * tile->PitchA;
            var c = r < half ? tile->C0 + r * tile->PitchC : tile->C1 + (r - half) * tile->PitchC;
            var residual = r < half
                ? tile->Residual0 + r * tile->PitchResidual : tile->Residual1 + (r - half) * tile->PitchResidual;
            var partial = tile->Partial + r * tile->Width;
            for (var column = 0; column < tile->Width; column++)
            {
                var sum = (tile->Flags & TileFlags.LoadPartial) != 0 ? partial[column] : 0;
                sum = Dot(tile, a, column, sum);
                if ((tile->Flags & TileFlags.StorePartial) != 0)
                {
                    partial[column] = sum;
                    continue;
                }

                sum += (tile->Flags & TileFlags.Bias) != 0 ? tile->Bias[column] : 0;
                sum += (tile->Flags & TileFlags.Residual) != 0 ? residual[column] : 0;
                var clip = (tile->Flags & TileFlags.Clip) != 0;
                c[column] = clip && sum < tile->Low ? tile->Low : clip && sum > tile->High ? tile->High : sum;
            }
        }
    }

    private static float Dot(Tile* tile, float* a, int column, float sum)
    {
        var b = tile->B + column;
        for (nint segment = 0; segment < tile->SegmentCount; segment++)
        {
            var source = a + tile->Segments[segment];
            for (nint k = 0; k < tile->SegmentLength; k++, b += tile->Width)
            {
                sum = MathF.FusedMultiplyAdd(source[k], *b, sum);
            }
        }

        return sum;
    }
}
