using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A block is some rows by some panels of columns. Rows of unsigned bytes that lie whole in memory are read there,
/// others are gathered in scratch memory first; then each panel goes over all tiles of rows, with a yield point after
/// each micro-kernel call.
/// </summary>
internal sealed unsafe class ByteMatrixKernel : CpuKernel
{
    // Half a microsecond of the largest tile, and how many of these a call may have.
    private const int SegmentStepsMax = 80;
    private const int SegmentsMax = 16;

    private const int TileBytes = ByteMicroKernels.MaxRows * PackedBytes.Width * sizeof(int);
    private readonly ByteRows _rows;
    private readonly PackedBytes _b;
    private readonly ByteProduct _product;
    private readonly ByteEpilogue _epilogue;
    private readonly ByteProductForm _form;
    private readonly ByteSplit _split;
    private readonly bool _inPlace;

    // Of each call.
    private readonly (int Count, int Steps)[] _segments;
    private readonly int _pitch;

    public ByteMatrixKernel(string name, ByteRows rows, PackedBytes b, TensorRef y, ByteProduct product)
        : this(name, rows, b, y, product, ByteSplit.Choose(rows.Count, b, ByteMicroKernels.Current))
    {
    }

    private ByteMatrixKernel(
        string name, ByteRows rows, PackedBytes b, TensorRef y, ByteProduct product, ByteSplit split)
        : base(name, split.Blocks, [rows.Source.Reads(), .. product.Reads.Select(t => t.Reads()), y.Writes()])
    {
        (_rows, _b, _product, _split) = (rows, b, product, split);
        _form = ByteMicroKernels.Current;
        _epilogue = new ByteEpilogue(product, b, y);
        _inPlace = rows.PitchInPlace != 0 && !product.IsSigned && b.K % 4 == 0 && b.K > 0;
        _pitch = (b.Steps * 4 + 63) & ~63;
        _segments = new (int, int)[(b.Steps + split.StepsMax - 1) / split.StepsMax];
        for (var call = 0; call < _segments.Length; call++)
        {
            var (first, last) = BlockSplit.Part(b.Steps, _segments.Length, call);
            var count = SegmentsOf(last - first);
            _segments[call] = (count, (last - first) / count);
        }
    }

    private int RowTerms => (_split.MaxRows + 16) * sizeof(int);

    public override long ScratchBytes =>
        64 + TileBytes + sizeof(PanelTerms) + 2 * RowTerms + (_inPlace ? 0 : (long)_split.MaxRows * _pitch);

    public override double EstimatedBlockMicroseconds => _split.Microseconds;

    public override void RunBlock(int block, BlockContext context)
    {
        var (rowBlock, panelBlock) = _split.Position(block);
        var (first, end) = BlockSplit.Part(_rows.Count, _split.RowBlocks, rowBlock);
        var (panel, lastPanel) = BlockSplit.Part(_b.Panels, _split.PanelBlocks, panelBlock);
        var sums = (int*)(((nint)context.Scratch + 63) & ~63);
        var terms = (PanelTerms*)((byte*)sums + TileBytes);
        var rows = new SumRows
        {
            First = first, Count = end - first, Sums = sums, ZerosOfA = (int*)(terms + 1),
            RowSums = (int*)((byte*)(terms + 1) + RowTerms), HasTerms = _epilogue.HasRowTerms,
        };
        var gathered = (byte*)rows.RowSums + RowTerms;
        nint pitch = _inPlace ? _rows.PitchInPlace : _pitch;
        var a = _inPlace ? _rows.Source.Pointer + first * pitch : gathered;
        if (!TakeRows(rows, a, pitch, context))
        {
            return;
        }

        for (; panel < lastPanel; panel++)
        {
            _epilogue.Prepare(panel, rows.HasTerms, terms);
            rows.Column = panel * PackedBytes.Width;
            rows.Columns = _b.Columns(panel);
            if (!Multiply(rows, a, pitch, panel, terms, context))
            {
                return;
            }
        }
    }

    // Gathers rows that do not lie as they are needed, and sums those that count.
    private bool TakeRows(in SumRows rows, byte* a, nint pitch, BlockContext context)
    {
        var hasTerms = rows.HasTerms;
        var place = _rows.Place(rows.First);
        for (var row = 0; row < rows.Count && (hasTerms || !_inPlace); row++, a += pitch)
        {
            if (!_inPlace)
            {
                Gather(ref place, a);
            }

            if (hasTerms)
            {
                rows.ZerosOfA[row] = _epilogue.ZeroOfA(rows.First + row);
                rows.RowSums[row] = Sum(a, _b.K);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    // A row as unsigned bytes, with zeros up to a multiple of four.
    private void Gather(ref RowPlace place, byte* target)
    {
        _rows.Read(ref place, target, _product.ZeroA is { } zero ? *zero.Pointer : (byte)0);
        for (var i = 0; _product.IsSigned && i < _b.K; i++)
        {
            target[i] ^= 0x80;
        }

        for (var i = _b.K; i < _b.Steps * 4; i++)
        {
            target[i] = 0;
        }
    }

    private static int Sum(byte* values, int count)
    {
        var sum = 0;
        for (var i = 0; i < count; i++)
        {
            sum += values[i];
        }

        return sum;
    }

    private bool Multiply(in SumRows rows, byte* a, nint pitch, int panel, PanelTerms* terms, BlockContext context)
    {
        var tiles = (rows.Count + ByteMicroKernels.MaxRows - 1) / ByteMicroKernels.MaxRows;
        for (var i = 0; i < tiles; i++)
        {
            var (from, to) = BlockSplit.Part(rows.Count, tiles, i);
            var part = rows with
            {
                First = rows.First + from, Count = to - from, ZerosOfA = rows.ZerosOfA + from,
                RowSums = rows.RowSums + from,
            };
            if (!Tile(part, a + from * pitch, pitch, panel, context))
            {
                return false;
            }

            _epilogue.Write(part, terms);
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    // All sums of a tile, in calls of a few microseconds that look between segments whether the unit is wanted.
    [SkipLocalsInit]
    private bool Tile(in SumRows rows, byte* a, nint pitch, int panel, BlockContext context)
    {
        var starts = stackalloc nint[SegmentsMax];
        var vectors = _b.Vectors(panel);
        var calls = _segments.Length;
        ByteTile tile;
        tile.Pitch = pitch;
        tile.Sums = rows.Sums;
        for (var call = 0; call < calls; call++)
        {
            var (first, last) = BlockSplit.Part(_b.Steps, calls, call);
            tile.A0 = a + first * 4;
            tile.A1 = tile.A0 + (rows.Count + 1) / 2 * pitch;
            tile.B = _b.Panel(panel) + (long)first * vectors * 64;
            tile.Segments = starts;
            tile.SegmentCount = _segments[call].Count;
            tile.Steps = _segments[call].Steps;
            for (nint i = 0; i < tile.SegmentCount; i++)
            {
                starts[i] = i * tile.Steps * 4;
            }

            tile.GoesOn = call > 0 ? 1 : 0;
            if (!Call(&tile, rows.Count, vectors, context) || context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private bool Call(ByteTile* tile, int rows, int vectors, BlockContext context)
    {
        var native = ByteMicroKernels.Native(_form, rows, vectors);
        if (native == null)
        {
            ByteMicroKernels.Run(tile, rows, vectors, _form);
            return true;
        }

        tile->Signal = context.Signal;
        tile->MinusSeen = -context.SignalSeen;
        native(tile);
        while (tile->SegmentsLeft > 0)
        {
            if (context.Yield())
            {
                return false;
            }

            var done = tile->SegmentCount - tile->SegmentsLeft;
            tile->Segments += done;
            tile->B += done * tile->Steps * vectors * 64;
            tile->SegmentCount = tile->SegmentsLeft;
            tile->GoesOn = 1;
            tile->MinusSeen = -context.SignalSeen;
            native(tile);
        }

        return true;
    }

    /// <summary>As few equal segments as are short enough; one where there are none.</summary>
    private static int SegmentsOf(int steps)
    {
        for (var count = (steps + SegmentStepsMax - 1) / SegmentStepsMax; count <= SegmentsMax; count++)
        {
            if (steps % count == 0)
            {
                return count;
            }
        }

        return 1;
    }
}
