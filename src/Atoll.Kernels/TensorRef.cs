using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A strided view of a device buffer: what kernels read and write. Strides count elements and may be zero (broadcast)
/// or negative (reversed). Immutable; owns nothing.
/// </summary>
public sealed unsafe class TensorRef
{
    public const int MaxRank = 8;

    /// <exception cref="ArgumentException">Rank above 8, a negative size, or an element outside the buffer.</exception>
    public TensorRef(DeviceBuffer buffer, long offsetBytes, int elementBytes, int[] shape, long[] strides)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Buffer = buffer;
        OffsetBytes = offsetBytes;
        ElementBytes = elementBytes;
        Shape = shape;
        Strides = strides;
        if (shape.Length > MaxRank || shape.Length != strides.Length)
        {
            throw new ArgumentException($"a view has rank 0 to {MaxRank} and one stride per axis, not {this}");
        }

        var (offset, length) = Range;
        if (Array.Exists(shape, size => size < 0) || offset < 0 || offset + length > buffer.Length)
        {
            throw new ArgumentException($"{this} reaches outside its buffer of {buffer.Length} bytes");
        }
    }

    public DeviceBuffer Buffer { get; }

    /// <summary>Position of the element with all indices zero.</summary>
    public long OffsetBytes { get; }

    public int ElementBytes { get; }

    public int[] Shape { get; }

    /// <summary>Distance between neighbours along each axis, in elements.</summary>
    public long[] Strides { get; }

    public int Rank => Shape.Length;

    public byte* Pointer => Buffer.Pointer + OffsetBytes;

    public long Count => Shape.Aggregate(1L, (count, size) => count * size);

    /// <summary>Whether the elements lie in row-major order without gaps.</summary>
    public bool IsDense => IsDenseFrom(0);

    /// <summary>
    /// Whether every element lies once in one run of memory from the first on, in whatever order of the axes.
    /// </summary>
    public bool IsContiguous =>
        Permute([.. Enumerable.Range(0, Rank).OrderByDescending(axis => Shape[axis] == 1 ? 0 : Strides[axis])]).IsDense;

    /// <summary>The smallest byte range of the buffer that holds all elements.</summary>
    public (long Offset, long Length) Range
    {
        get
        {
            if (Count == 0)
            {
                return (OffsetBytes, 0);
            }

            long low = 0, high = 0;
            for (var axis = 0; axis < Rank; axis++)
            {
                var reach = (Shape[axis] - 1) * Strides[axis];
                low += Math.Min(0, reach);
                high += Math.Max(0, reach);
            }

            return (OffsetBytes + low * ElementBytes, (high - low + 1) * ElementBytes);
        }
    }

    public static TensorRef Dense(DeviceBuffer buffer, long offsetBytes, int elementBytes, params int[] shape) =>
        new(buffer, offsetBytes, elementBytes, shape, DenseStrides(shape));

    public BufferAccess Reads() => new(Buffer, Range.Offset, Range.Length, AccessKind.Read);

    public BufferAccess Writes() => new(Buffer, Range.Offset, Range.Length, AccessKind.Write);

    /// <summary>Elements start, start + step, … along one axis; a negative step counts down from start.</summary>
    public TensorRef Slice(int axis, int start, int length, int step = 1)
    {
        int[] shape = [.. Shape];
        long[] strides = [.. Strides];
        var last = start + (long)Math.Max(0, length - 1) * step;
        if (length < 0 || (length > 0 && (start < 0 || start >= Shape[axis] || last < 0 || last >= Shape[axis])))
        {
            throw new ArgumentException(
                $"{length} elements from {start} by {step} do not lie in axis {axis} of {this}");
        }

        shape[axis] = length;
        strides[axis] *= step;
        var offset = length == 0 ? 0 : start * Strides[axis] * ElementBytes;
        return new TensorRef(Buffer, OffsetBytes + offset, ElementBytes, shape, strides);
    }

    /// <summary>Axis i of the result is axis order[i] of this view.</summary>
    public TensorRef Permute(params ReadOnlySpan<int> order)
    {
        var shape = new int[Rank];
        var strides = new long[Rank];
        for (var axis = 0; axis < Rank; axis++)
        {
            shape[axis] = Shape[order[axis]];
            strides[axis] = Strides[order[axis]];
        }

        return new TensorRef(Buffer, OffsetBytes, ElementBytes, shape, strides);
    }

    /// <summary>The same elements in row-major order under another shape.</summary>
    /// <exception cref="ArgumentException">Another element count, or the strides do not allow it without a
    /// copy.</exception>
    public TensorRef Reshape(params int[] shape) => TryReshape(shape)
        ?? throw new ArgumentException($"{this} cannot be seen as [{string.Join(',', shape)}] without a copy");

    /// <summary>As <see cref="Reshape"/>; null where a copy would be needed.</summary>
    public TensorRef? TryReshape(int[] shape)
    {
        if (shape.Aggregate(1L, (count, size) => count * size) != Count)
        {
            return null;
        }

        if (IsDense || Count == 0)
        {
            return Dense(Buffer, OffsetBytes, ElementBytes, shape);
        }

        var strides = new long[shape.Length];
        return Regroup(shape, strides) ? new TensorRef(Buffer, OffsetBytes, ElementBytes, shape, strides) : null;
    }

    /// <summary>Repeats axes of size 1 and adds leading axes (NumPy rules) by zero strides.</summary>
    public TensorRef BroadcastTo(params int[] shape)
    {
        var strides = new long[shape.Length];
        var lead = shape.Length - Rank;
        for (var axis = 0; axis < Rank; axis++)
        {
            if (lead < 0 || (Shape[axis] != 1 && Shape[axis] != shape[lead + axis]))
            {
                throw new ArgumentException($"{this} does not broadcast to [{string.Join(',', shape)}]");
            }

            strides[lead + axis] = Shape[axis] == 1 ? 0 : Strides[axis];
        }

        return new TensorRef(Buffer, OffsetBytes, ElementBytes, shape, strides);
    }

    public override string ToString() =>
        $"[{string.Join(',', Shape)}] of {ElementBytes}-byte elements at {OffsetBytes}, " +
        $"strides [{string.Join(',', Strides)}]";

    internal static long[] DenseStrides(ReadOnlySpan<int> shape)
    {
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= Math.Max(1, shape[axis]);
        }

        return strides;
    }

    /// <summary>Whether axes from <paramref name="first"/> on are row-major without gaps.</summary>
    internal bool IsDenseFrom(int first)
    {
        var stride = 1L;
        for (var axis = Rank - 1; axis >= first; axis--)
        {
            if (Shape[axis] != 1 && Strides[axis] != stride)
            {
                return false;
            }

            stride *= Shape[axis];
        }

        return true;
    }

    // Matches runs of old axes with runs of new axes of the same size; inside a run the old axes must be dense.
    private bool Regroup(int[] shape, long[] strides)
    {
        int[] kept = [.. Enumerable.Range(0, Rank).Where(axis => Shape[axis] != 1)];
        int old = kept.Length - 1, next = shape.Length - 1;
        while (next >= 0)
        {
            long oldSize = old >= 0 ? Shape[kept[old]] : 1, newSize = shape[next];
            var stride = old >= 0 ? Strides[kept[old]] : 1;
            var first = next;
            while (oldSize != newSize)
            {
                if (oldSize > newSize)
                {
                    newSize *= shape[--first];
                    continue;
                }

                if (Strides[kept[old - 1]] != Strides[kept[old]] * Shape[kept[old]])
                {
                    return false;
                }

                oldSize *= Shape[kept[--old]];
            }

            for (; next >= first; next--)
            {
                strides[next] = stride;
                stride *= shape[next];
            }

            old = oldSize == 1 ? old : old - 1;
        }

        return true;
    }
}
