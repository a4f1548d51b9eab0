using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Rows along one axis of x and y (same shape): where each starts, and their strides.</summary>
internal sealed unsafe class RowPlan
{
    private readonly int[] _sizes;
    private readonly long[] _x;
    private readonly long[] _y;

    public RowPlan(TensorRef x, int axis, TensorRef y)
    {
        if (!x.Shape.AsSpan().SequenceEqual(y.Shape))
        {
            throw new ArgumentException($"input {x} and output {y} differ in shape");
        }

        axis = axis < 0 ? axis + x.Rank : axis;
        int[] outer = [.. Enumerable.Range(0, x.Rank).Where(a => a != axis).OrderByDescending(a =>
            Math.Abs(y.Strides[a]))];
        _sizes = [.. outer.Select(a => x.Shape[a])];
        _x = [.. outer.Select(a => x.Strides[a])];
        _y = [.. outer.Select(a => y.Strides[a])];
        Rows = _sizes.Aggregate(1L, (count, size) => count * size);
        Length = x.Shape[axis];
        StrideX = x.Strides[axis];
        StrideY = y.Strides[axis];
        X = (float*)x.Pointer;
        Y = (float*)y.Pointer;
        Accesses = [x.Reads(), y.Writes()];
    }

    public long Rows { get; }

    public int Length { get; }

    public long StrideX { get; }

    public long StrideY { get; }

    public float* X { get; }

    public float* Y { get; }

    public BufferAccess[] Accesses { get; }

    /// <summary>How many neighbouring rows start from contiguous elements of x and y, from this one on.</summary>
    public int Neighbours(long row) =>
        _sizes.Length > 0 && _x[^1] == 1 && _y[^1] == 1 ? (int)(_sizes[^1] - row % _sizes[^1]) : 1;

    public (long X, long Y) Offsets(long row)
    {
        long x = 0, y = 0;
        for (var axis = _sizes.Length - 1; axis >= 0; axis--)
        {
            var index = row % _sizes[axis];
            row /= _sizes[axis];
            x += index * _x[axis];
            y += index * _y[axis];
        }

        return (x, y);
    }
}
