using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>A strided matrix: element (r, c) at Start + r RowStride + c ColumnStride.</summary>
internal unsafe readonly struct MatrixView(float* start, nint rowStride, nint columnStride)
{
    public float* Start { get; } = start;

    public nint RowStride { get; } = rowStride;

    public nint ColumnStride { get; } = columnStride;
}

/// <summary>
/// c = scale a b inside one block, where b is packed panel by panel into scratch memory. Rows of a are read in place if
/// contiguous, otherwise packed as well.
/// </summary>
internal sealed unsafe class DynamicMultiply
{
    private const int ChunkLength = 256;

    // Rows that are packed between two yield points.
    private const int PackedTogether = 64;
    private readonly SimdLevel _level = SimdSupport.Current;
    private readonly delegate*<Tile*, void>[] _kernels;
    private readonly int _maxRows;
    private readonly int _width;

    public DynamicMultiply()
    {
        _maxRows = MicroKernels.MaxRows(_level);
        _width = MicroKernels.PanelWidth(_level);
        _kernels = new delegate*<Tile*, void>[_maxRows + 1];
        for (var rows = 1; rows <= _maxRows; rows++)
        {
            _kernels[rows] = MicroKernels.Of(_level, rows, _width);
        }
    }

    /// <summary>Columns that are computed together.</summary>
    public int Width => _width;

    /// <summary>Scratch floats for products of up to the given rows and reduction length.</summary>
    public long ScratchFloats(int rows, int k, bool packA) =>
        (ChunkLength + _maxRows) * _width + (TileList.TilesOf(rows, _maxRows) + 1L) * _maxRows * _width
            + (packA ? (long)rows * k : 0);

    /// <summary>
    /// Computes columns first to last - 1; c's rows are contiguous. False when the block must be left.
    /// </summary>
    public bool Run(MatrixView a, MatrixView b, TileLine c, DynamicShape shape, float* scratch, BlockContext context)
    {
        var panel = scratch;
        var partial = panel + (ChunkLength + _maxRows) * _width;
        if (a.ColumnStride != 1)
        {
            var packed = partial + (TileList.TilesOf(shape.Rows, _maxRows) + 1) * _maxRows * _width;
            for (var row = 0; row < shape.Rows; row++)
            {
                DynamicPanel.Pack(a.Start + row * a.RowStride, a.ColumnStride, 1, shape.K, 1, packed + row * shape.K,
                    1);
                if (context.Yield())
                {
                    return false;
                }
            }

            a = new MatrixView(packed, shape.K, 1);
        }

        for (var column = shape.FirstColumn; column < shape.LastColumn; column += _width)
        {
            for (var k = 0; k == 0 || k < shape.K; k += ChunkLength)
            {
                var length = Math.Min(ChunkLength, shape.K - k);
                var columns = Math.Min(_width, shape.LastColumn - column);
                var source = new MatrixView(b.Start + k * b.RowStride + column * b.ColumnStride, b.RowStride,
                    b.ColumnStride);
                if (!Pack(source, length, columns, panel, context)
                    || !RunChunk(a, c, shape, column, k, panel, partial, context))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private bool Pack(MatrixView source, int rows, int columns, float* panel, BlockContext context)
    {
        for (var row = 0; row == 0 || row < rows; row += PackedTogether)
        {
            DynamicPanel.Pack(source.Start + row * source.RowStride, source.RowStride, source.ColumnStride,
                Math.Min(PackedTogether, rows - row), columns, panel + row * _width, _width);
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private bool RunChunk(MatrixView a, TileLine c, DynamicShape shape, int column, int k, float* panel, float* partial,
        BlockContext context)
    {
        nint zero = 0;
        Tile tile = default;
        tile.Segments = &zero;
        tile.SegmentCount = 1;
        tile.SegmentLength = Math.Min(ChunkLength, shape.K - k);
        tile.PitchA = a.RowStride;
        tile.B = panel;
        tile.Prefetch = (byte*)panel;
        tile.Width = _width;
        tile.Flags = TileFlags.StorePartial | (k > 0 ? TileFlags.LoadPartial : 0);
        var columns = Math.Min(_width, shape.LastColumn - column);
        var tiles = TileList.TilesOf(shape.Rows, _maxRows);
        for (int i = 0, row = 0; i < tiles; i++)
        {
            tile.Rows = (shape.Rows - row + (tiles - i) - 1) / (tiles - i);
            tile.A0 = a.Start + row * a.RowStride + k;
            tile.A1 = tile.A0 + (tile.Rows + 1) / 2 * a.RowStride;
            tile.Partial = partial + (nint)i * _maxRows * _width;
            if (!MicroKernels.Run(_kernels[tile.Rows], &tile, context))
            {
                return false;
            }

            if (k + ChunkLength >= shape.K)
            {
                for (var r = 0; r < tile.Rows; r++)
                {
                    Write(tile.Partial + r * _width, c.Row(row + r) + column, columns, shape.Scale);
                }
            }

            row += tile.Rows;
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Write(float* source, float* target, int count, float scale)
    {
        switch (_level)
        {
            case SimdLevel.Vector512:
                UnaryKernel<Lanes16, AffineFunction>.Apply(source, target, count, scale, 0);
                break;
            case SimdLevel.Vector256:
                UnaryKernel<Lanes8, AffineFunction>.Apply(source, target, count, scale, 0);
                break;
            default:
                UnaryKernel<Lanes1, AffineFunction>.Apply(source, target, count, scale, 0);
                break;
        }
    }
}

/// <summary>Sizes of a dynamic product: rows, reduction length, the columns to compute, and a factor.</summary>
internal readonly record struct DynamicShape(int Rows, int K, int FirstColumn, int LastColumn, float Scale);
