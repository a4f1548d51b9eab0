using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that pick slices by indices that are known only when they run.</summary>
public static class Gather
{
    /// <summary>
    /// y[outer, i…, inner] = x[outer, indices[i…], inner] along an axis of x; indices are dense 32- or 64-bit integers
    /// (by their element size), negative ones count from the end; y is dense.
    /// </summary>
    public static CpuKernel Create(string name, TensorRef x, TensorRef indices, int axis, TensorRef y)
    {
        axis = axis < 0 ? axis + x.Rank : axis;
        if (!indices.IsDense || !y.IsDense || !x.IsDenseFrom(axis + 1) || indices.ElementBytes is not (4 or 8))
        {
            throw new ArgumentException($"{name}: {x}, {indices}, {y} must be dense, indices 4 or 8 bytes");
        }

        if (y.Count != indices.Count * x.Shape.Where((_, a) => a != axis).Aggregate(1L, (count, size) => count * size))
        {
            throw new ArgumentException($"{name}: {y} does not hold a slice of {x} for each of {indices}");
        }

        return new GatherKernel(name, x, indices, axis, y);
    }
}

/// <summary>One row of the work is one index of one outer position: a copy of contiguous bytes.</summary>
internal sealed unsafe class GatherKernel(string name, TensorRef x, TensorRef indices, int axis, TensorRef y)
    : CpuKernel(name, BlocksOf(x, indices, axis), [x.Reads(), indices.Reads(), y.Writes()])
{
    private const int BlockBytes = 128 << 10;

    // Some microsecond of work, where rows come from memory.
    private const int CopyBytes = 8 << 10;
    private readonly byte* _x = x.Pointer;
    private readonly byte* _y = y.Pointer;
    private readonly byte* _indices = indices.Pointer;
    private readonly long _rowBytes = RowBytes(x, axis);
    private readonly long _indexCount = indices.Count;
    private readonly long _rows = RowCount(x, indices, axis);

    public override double EstimatedBlockMicroseconds => BlockBytes / 10e3;

    public override void RunBlock(int block, BlockContext context)
    {
        long first = _rows * block / Blocks, last = _rows * (block + 1) / Blocks;
        for (var row = first; row < last; row++)
        {
            var source = Source(row);
            for (long at = 0; at < _rowBytes; at += CopyBytes)
            {
                var length = Math.Min(CopyBytes, _rowBytes - at);
                System.Buffer.MemoryCopy(source + at, _y + row * _rowBytes + at, length, length);
                if (context.Yield())
                {
                    return;
                }
            }
        }
    }

    private byte* Source(long row)
    {
        long outer = row / _indexCount, position = row % _indexCount;
        var index = indices.ElementBytes == 8 ? ((long*)_indices)[position] : ((int*)_indices)[position];
        var size = x.Shape[axis];
        if (index < -size || index >= size)
        {
            throw new InputValueException(
                $"{Name}: index {index} at {position} is outside axis {axis} of size {size}");
        }

        index = index < 0 ? index + size : index;
        var offset = index * x.Strides[axis];
        for (var a = axis - 1; a >= 0; a--)
        {
            offset += outer % x.Shape[a] * x.Strides[a];
            outer /= x.Shape[a];
        }

        return _x + offset * x.ElementBytes;
    }

    private static long RowBytes(TensorRef x, int axis) =>
        x.Shape[(axis + 1)..].Aggregate((long)x.ElementBytes, (count, size) => count * size);

    private static long RowCount(TensorRef x, TensorRef indices, int axis) =>
        x.Shape[..axis].Aggregate(indices.Count, (count, size) => count * size);

    private static int BlocksOf(TensorRef x, TensorRef indices, int axis)
    {
        var rows = RowCount(x, indices, axis);
        return (int)Math.Clamp(rows * RowBytes(x, axis) / BlockBytes, 1, Math.Max(1, Math.Min(rows, 4096)));
    }
}
