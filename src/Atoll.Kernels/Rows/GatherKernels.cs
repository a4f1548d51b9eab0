using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>One row is a line of the indices along their last axis.</summary>
internal sealed unsafe class GatherElementsKernel(string name, TensorRef x, TensorRef indices, int axis, TensorRef y)
    : RowKernel(name, y.Count / Math.Max(1, y.Shape[^1]), y.Shape[^1] * 3.0,
        [x.Reads(), indices.Reads(), y.Writes()])
{
    private readonly IndexReader _indices = new(name, indices);

    protected override bool Row(long row, BlockContext context)
    {
        var last = y.Rank - 1;
        long offset = 0, rest = row;
        for (var a = last - 1; a >= 0; a--)
        {
            offset += a == axis ? 0 : rest % y.Shape[a] * x.Strides[a];
            rest /= y.Shape[a];
        }

        for (var i = 0; i < y.Shape[last]; i++)
        {
            var position = row * y.Shape[last] + i;
            var index = _indices.At(position, x.Shape[axis]) * x.Strides[axis];
            var from = offset + index + (last == axis ? 0 : i * x.Strides[last]);
            Element.Copy(x.Pointer + from * x.ElementBytes, y.Pointer + position * y.ElementBytes, y.ElementBytes);
            if ((i & 255) == 255 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>One row is one index tuple: a copy of a slice.</summary>
internal sealed unsafe class GatherTuplesKernel(string name, TensorRef x, TensorRef indices, int batchAxes, TensorRef y)
    : RowKernel(name, indices.Count / Math.Max(1, indices.Shape[^1]), 10 + SliceBytes(x, indices, batchAxes) * 0.05,
        [x.Reads(), indices.Reads(), y.Writes()])
{
    private readonly IndexReader _indices = new(name, indices);
    private readonly long _slice = SliceBytes(x, indices, batchAxes);
    private readonly long _perBatch = Math.Max(1, Product(indices.Shape[batchAxes..^1]));
    private readonly long _batchStride = Product(x.Shape[batchAxes..]);

    protected override bool Row(long row, BlockContext context)
    {
        var depth = indices.Shape[^1];
        var from = row / _perBatch * _batchStride;
        for (var k = 0; k < depth; k++)
        {
            from += _indices.At(row * depth + k, x.Shape[batchAxes + k]) * x.Strides[batchAxes + k];
        }

        return Element.CopyRun(x.Pointer + from * x.ElementBytes, y.Pointer + row * _slice, _slice, context);
    }

    private static long SliceBytes(TensorRef x, TensorRef indices, int batchAxes) =>
        Product(x.Shape[(batchAxes + indices.Shape[^1])..]) * x.ElementBytes;

    private static long Product(int[] sizes) => sizes.Aggregate(1L, (count, size) => count * size);
}

/// <summary>One row is an output line along the last axis.</summary>
internal sealed unsafe class OneHotKernel(string name, TensorRef indices, TensorRef values, int axis, TensorRef y)
    : RowKernel(name, y.Count / Math.Max(1, y.Shape[^1]), y.Shape[^1] * 2.0,
        [indices.Reads(), values.Reads(), y.Writes()])
{
    private readonly IndexReader _indices = new(name, indices);
    private readonly long _depth = y.Shape[axis];
    private readonly long _inner = y.Shape[(axis + 1)..].Aggregate(1L, (count, size) => count * size);

    protected override bool Row(long row, BlockContext context)
    {
        for (var i = 0; i < y.Shape[^1]; i++)
        {
            var position = row * y.Shape[^1] + i;
            var index = _indices.Raw(position / _inner / _depth * _inner + position % _inner);
            var isOn = (index < 0 ? index + _depth : index) == position / _inner % _depth;
            Element.Copy(values.Pointer + (isOn ? y.ElementBytes : 0), y.Pointer + position * y.ElementBytes,
                y.ElementBytes);
            if ((i & 255) == 255 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>One row is one index of the first two axes.</summary>
internal sealed unsafe class ReverseSequenceKernel(
    string name, TensorRef x, TensorRef lengths, bool isTimeFirst, TensorRef y)
    : RowKernel(name, (long)x.Shape[0] * x.Shape[1], 10 + RowBytes(x) * 0.05,
        [x.Reads(), lengths.Reads(), y.Writes()])
{
    private readonly IndexReader _lengths = new(name, lengths);
    private readonly long _bytes = RowBytes(x);

    protected override bool Row(long row, BlockContext context)
    {
        long first = row / x.Shape[1], second = row % x.Shape[1];
        var (time, batch) = isTimeFirst ? (first, second) : (second, first);
        var (length, times) = (_lengths.Raw(batch), isTimeFirst ? x.Shape[0] : x.Shape[1]);
        if (length < 0 || length > times)
        {
            throw new InputValueException(
                $"kernel '{Name}': sequence {batch} has the length {length}; allowed is 0 to {times}");
        }

        var from = time < length ? length - 1 - time : time;
        var source = isTimeFirst ? from * x.Shape[1] + batch : batch * x.Shape[1] + from;
        return Element.CopyRun(x.Pointer + source * _bytes, y.Pointer + row * _bytes, _bytes, context);
    }

    private static long RowBytes(TensorRef x) =>
        x.Shape[2..].Aggregate((long)x.ElementBytes, (count, size) => count * size);
}

/// <summary>Moves elements whose type does not matter.</summary>
internal static unsafe class Element
{
    private const int Run = 16384;

    public static void Copy(byte* from, byte* to, int bytes)
    {
        switch (bytes)
        {
            case 1: *to = *from; break;
            case 2: *(ushort*)to = *(ushort*)from; break;
            case 4: *(uint*)to = *(uint*)from; break;
            default: *(ulong*)to = *(ulong*)from; break;
        }
    }

    /// <summary>Copies bytes with yield points; false when asked to leave.</summary>
    public static bool CopyRun(byte* from, byte* to, long bytes, BlockContext context)
    {
        for (long done = 0; done < bytes; done += Run)
        {
            var length = Math.Min(Run, bytes - done);
            System.Buffer.MemoryCopy(from + done, to + done, length, length);
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }
}
