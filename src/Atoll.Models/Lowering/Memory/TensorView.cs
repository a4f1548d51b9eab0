namespace Atoll.Models;

/// <summary>
/// A strided view of a storage with the value's logical shape: transposes, slices, expands and channels-last order are
/// only other strides. Offset and strides count elements.
/// </summary>
internal sealed class TensorView
{
    public TensorView(Storage storage, long offset, ElementType type, long[] shape, long[] strides)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(strides.Length, shape.Length);
        Storage = storage;
        Offset = offset;
        Type = type;
        Shape = shape;
        Strides = strides;
    }

    public Storage Storage { get; }

    public long Offset { get; }

    public ElementType Type { get; }

    public long[] Shape { get; }

    public long[] Strides { get; }

    public int Rank => Shape.Length;

    public long ElementCount => Shape.Aggregate(1L, (count, dim) => count * dim);

    /// <summary>First byte that the view touches.</summary>
    public long FirstByte => (Offset + Reach(Math.Min)) * Type.SizeInBytes();

    /// <summary>One past the last byte that the view touches.</summary>
    public long EndByte => ElementCount == 0 ? FirstByte : (Offset + Reach(Math.Max) + 1) * Type.SizeInBytes();

    public bool IsRowMajor => HasStrides(MemoryOrders.Strides(Shape, MemoryOrder.RowMajor));

    /// <summary>
    /// Every element once, in one run of memory from the offset on; in which order the axes lie does not matter.
    /// </summary>
    public bool IsContiguous
    {
        get
        {
            var stride = 1L;
            foreach (var axis in Enumerable.Range(0, Rank).Where(i => Shape[i] != 1).OrderBy(i => Strides[i]))
            {
                if (Strides[axis] != stride)
                {
                    return ElementCount == 0;
                }

                stride *= Shape[axis];
            }

            return true;
        }
    }

    public static TensorView RowMajor(Storage storage, ElementType type, long[] shape) =>
        new(storage, 0, type, shape, MemoryOrders.Strides(shape, MemoryOrder.RowMajor));

    /// <summary>The byte ranges of both views meet; interleaved slices of one storage count as meeting.</summary>
    public bool Overlaps(TensorView other) =>
        ReferenceEquals(Storage, other.Storage) && FirstByte < other.EndByte && other.FirstByte < EndByte;

    public bool IsSameAs(TensorView other) => ReferenceEquals(Storage, other.Storage) && Offset == other.Offset &&
        Type == other.Type && Shape.AsSpan().SequenceEqual(other.Shape) && HasStrides(other.Strides);

    /// <summary>Dimension i of the result is dimension permutation[i] of this view.</summary>
    public TensorView Permute(ReadOnlySpan<int> permutation)
    {
        var (shape, strides) = (new long[Rank], new long[Rank]);
        for (var i = 0; i < Rank; i++)
        {
            (shape[i], strides[i]) = (Shape[permutation[i]], Strides[permutation[i]]);
        }

        return new TensorView(Storage, Offset, Type, shape, strides);
    }

    public TensorView SwapLastTwo()
    {
        int[] order = [.. Enumerable.Range(0, Rank)];
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return Permute(order);
    }

    /// <summary>Elements start, start + step, … of one axis; a negative step walks backwards.</summary>
    public TensorView Narrow(int axis, long start, long count, long step = 1)
    {
        var (shape, strides) = ((long[])Shape.Clone(), (long[])Strides.Clone());
        shape[axis] = count;
        strides[axis] *= step;
        return new TensorView(Storage, Offset + (start * Strides[axis]), Type, shape, strides);
    }

    /// <summary>Broadcasts to a shape by ONNX's rules: missing and 1-sized dimensions get stride 0.</summary>
    public TensorView Broadcast(long[] shape)
    {
        var strides = new long[shape.Length];
        var lead = shape.Length - Rank;
        for (var i = lead; i < shape.Length; i++)
        {
            strides[i] = Shape[i - lead] == 1 && shape[i] != 1 ? 0 : Strides[i - lead];
        }

        return new TensorView(Storage, Offset, Type, shape, strides);
    }

    /// <summary>
    /// The same elements in the same logical order under another shape, or null where that needs a copy.
    /// </summary>
    /// <exception cref="ArgumentException">The shape has another count of elements.</exception>
    public TensorView? TryReshape(long[] shape)
    {
        if (shape.Aggregate(1L, (count, dim) => checked(count * dim)) != ElementCount)
        {
            throw new ArgumentException($"[{string.Join(',', Shape)}] does not have the elements of " +
                $"[{string.Join(',', shape)}]");
        }

        var strides = ReshapedStrides.Find(Shape, Strides, shape);
        return strides is null ? null : new TensorView(Storage, Offset, Type, shape, strides);
    }

    public override string ToString() =>
        $"{Storage}+{Offset} [{string.Join(',', Shape)}]/[{string.Join(',', Strides)}]";

    // Sum over the axes of the lower (Math.Min) or upper (Math.Max) end of the walk along each.
    private long Reach(Func<long, long, long> end)
    {
        var reach = 0L;
        for (var i = 0; i < Rank && ElementCount > 0; i++)
        {
            reach += end(0, (Shape[i] - 1) * Strides[i]);
        }

        return reach;
    }

    private bool HasStrides(long[] strides)
    {
        for (var i = 0; i < Rank; i++)
        {
            if (Shape[i] > 1 && Strides[i] != strides[i])
            {
                return false;
            }
        }

        return true;
    }
}
