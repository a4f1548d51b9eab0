using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// y = scale a b for each index of the leading axes; a block is a part of the rows and columns of one index.
/// </summary>
internal sealed unsafe class BatchedMatrixKernel : CpuKernel
{
    private readonly TensorRef _a;
    private readonly TensorRef _b;
    private readonly TensorRef _y;
    private readonly float* _pointerA;
    private readonly float* _pointerB;
    private readonly float* _pointerY;
    private readonly float _scale;
    private readonly int _rowBlocks;
    private readonly int _columnBlocks;
    private readonly DynamicMultiply _multiply = new();

    private BatchedMatrixKernel(string name, TensorRef a, TensorRef b, TensorRef y, float scale, Split split)
        : base(name, split.Batch * split.RowBlocks * split.ColumnBlocks, [a.Reads(), b.Reads(), y.Writes()])
    {
        (_a, _b, _y, _scale) = (a, b, y, scale);
        _pointerA = (float*)a.Pointer;
        _pointerB = (float*)b.Pointer;
        _pointerY = (float*)y.Pointer;
        _rowBlocks = split.RowBlocks;
        _columnBlocks = split.ColumnBlocks;
    }

    public override long ScratchBytes => sizeof(float)
        * _multiply.ScratchFloats(_y.Shape[^2] / _rowBlocks + 1, _a.Shape[^1], _a.Strides[^1] != 1);

    public override double EstimatedBlockMicroseconds =>
        2.0 * _y.Shape[^2] / _rowBlocks * _y.Shape[^1] / _columnBlocks * _a.Shape[^1] / 60e3;

    public static BatchedMatrixKernel Create(string name, TensorRef a, TensorRef b, TensorRef y, float scale)
    {
        int rows = y.Shape[^2], columns = y.Shape[^1], k = a.Shape[^1];
        var batch = y.Shape[..^2].Aggregate(1, (count, size) => count * size);
        var width = MicroKernels.PanelWidth(SimdSupport.Current);
        var panels = (columns + width - 1) / width;
        var perPanel = 2.0 * rows * width * Math.Max(1, k) / 60e3;
        var columnBlocks = (int)Math.Clamp(Math.Ceiling(panels * perPanel / 30), 1, panels);
        // Rows are split only when one panel is already too long: each part packs the panel again.
        var rowBlocks = (int)Math.Clamp(Math.Ceiling(perPanel / 60), 1, Math.Max(1, rows / 56));
        if (a.Strides[^1] != 1)
        {
            // Packed rows must fit the scratch memory.
            rowBlocks = Math.Clamp((int)((long)rows * k / (400 << 10)) + 1, rowBlocks, Math.Max(rowBlocks, rows));
        }

        return new BatchedMatrixKernel(name, a, b, y, scale,
            new Split(Math.Max(1, batch), rowBlocks, Math.Max(1, columnBlocks)));
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var (columnBlock, rest) = (block % _columnBlocks, block / _columnBlocks);
        var (rowBlock, batch) = (rest % _rowBlocks, rest / _rowBlocks);
        nint offsetA = 0, offsetB = 0, offsetY = 0;
        for (var axis = _y.Rank - 3; axis >= 0; axis--)
        {
            var index = batch % _y.Shape[axis];
            batch /= _y.Shape[axis];
            offsetA += (nint)(index * _a.Strides[axis]);
            offsetB += (nint)(index * _b.Strides[axis]);
            offsetY += (nint)(index * _y.Strides[axis]);
        }

        var (firstRow, lastRow) = BlockSplit.Part(_y.Shape[^2], _rowBlocks, rowBlock);
        var panels = (_y.Shape[^1] + _multiply.Width - 1) / _multiply.Width;
        var (first, last) = BlockSplit.Part(panels, _columnBlocks, columnBlock);
        var a = new MatrixView(
            _pointerA + offsetA + firstRow * (nint)_a.Strides[^2], (nint)_a.Strides[^2], (nint)_a.Strides[^1]);
        var b = new MatrixView(_pointerB + offsetB, (nint)_b.Strides[^2], (nint)_b.Strides[^1]);
        var c = new TileLine(_pointerY + offsetY + firstRow * (nint)_y.Strides[^2], (nint)_y.Strides[^2]);
        var shape = new DynamicShape(lastRow - firstRow, _a.Shape[^1], first * _multiply.Width,
            Math.Min(_y.Shape[^1], last * _multiply.Width), _scale);
        _multiply.Run(a, b, c, shape, (float*)context.Scratch, context);
    }

    private readonly record struct Split(int Batch, int RowBlocks, int ColumnBlocks);
}
