using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>y = epilogue(a b) with b packed: a is [M, K] and y [M, N], both with a row pitch.</summary>
internal sealed unsafe class MatrixKernel : CpuKernel
{
    private readonly PanelMultiply _multiply;
    private readonly BlockSplit _split;
    private readonly TileLine _a;
    private readonly TileLine _c;
    private readonly TileLine _residual;
    private readonly int _rows;
    private readonly int _panels;
    private readonly int _maxTiles;

    private MatrixKernel(
        string name, TensorRef a, PackedPanels b, TensorRef y, Epilogue epilogue, BlockSplit split,
            BufferAccess[] accesses)
        : base(name, split.Blocks, accesses)
    {
        _rows = a.Shape[0];
        _panels = b.Count;
        _split = split;
        var residual = epilogue.Residual;
        _a = new TileLine((float*)a.Pointer, (nint)a.Strides[0]);
        _c = new TileLine((float*)y.Pointer, (nint)y.Strides[0]);
        _residual = residual == null ? default : new TileLine((float*)residual.Pointer, (nint)residual.Strides[0]);
        _multiply = new PanelMultiply(b, [0], b.K, epilogue)
        {
            PitchA = _a.Pitch, PitchC = _c.Pitch, PitchResidual = _residual.Pitch,
        };
        _maxTiles = TileList.TilesOf(_rows / split.RowBlocks + 1, _multiply.MaxRows);
    }

    public override long ScratchBytes =>
        (long)_maxTiles * sizeof(TileRows) + _multiply.PartialFloats(_maxTiles) * sizeof(float) + 64;

    public override double EstimatedBlockMicroseconds => _split.Microseconds;

    public static MatrixKernel Create(string name, TensorRef a, PackedPanels b, TensorRef y, Epilogue epilogue)
    {
        var split = BlockSplit.Choose(a.Shape[0], MicroKernels.MaxRows(b.Level), b);
        var accesses = epilogue.Accesses(a, y);
        return new MatrixKernel(name, a, b, y, epilogue, split, accesses);
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var (rowBlock, panelBlock) = _split.Position(block);
        var (firstRow, lastRow) = BlockSplit.Part(_rows, _split.RowBlocks, rowBlock);
        var (first, last) = BlockSplit.Part(_panels, _split.PanelBlocks, panelBlock);
        var partial = (float*)context.Scratch;
        var tiles = (TileRows*)(partial + _multiply.PartialFloats(_maxTiles));
        var count = TileList.AddLine(tiles, _multiply.MaxRows, lastRow - firstRow,
            From(_a, firstRow), From(_c, firstRow), From(_residual, firstRow));
        _multiply.Run(tiles, count, first, last, partial, context);
    }

    private static TileLine From(TileLine line, int row) => new(line.Row(row), line.Pitch);
}
