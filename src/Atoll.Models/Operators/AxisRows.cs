namespace Atoll.Models;

/// <summary>
/// The slices of a tensor along one axis as rows, so that whole slices can be compared and selected.
/// </summary>
internal sealed class AxisRows
{
    private readonly int _axis;
    private readonly long _width;

    private AxisRows(Tensor data, int axis, long count, long width)
    {
        (Data, _axis, Count, _width) = (data, axis, count, width);
    }

    /// <summary>The tensor with the axis first.</summary>
    public Tensor Data { get; }

    public long Count { get; }

    public static AxisRows Of(Tensor tensor, int axis)
    {
        int[] order = [axis, .. Enumerable.Range(0, tensor.Shape.Length).Where(d => d != axis)];
        var strides = StridedWalk.RowMajor(tensor.Shape);
        var moved =
            StridedWalk.Copy(tensor, [.. order.Select(d => tensor.Shape[d])], [.. order.Select(d => strides[d])]);
        return new AxisRows(moved, axis, tensor.Shape[axis], ShapeRules.Product(moved.Shape.Skip(1))!.Value);
    }

    /// <summary>Each element a row of its own.</summary>
    public static AxisRows OfElements(Tensor tensor) =>
        new(new Tensor(tensor.Type, [tensor.ElementCount], tensor.Data), 0, tensor.ElementCount, 1);

    public ReadOnlySpan<T> Row<T>(long row) where T : unmanaged =>
        Data.AsSpan<T>().Slice((int)(row * _width), (int)_width);

    /// <summary>These rows, with the axis where it was.</summary>
    public Tensor Select(IReadOnlyList<long> rows)
    {
        var bytes = (int)_width * Data.Type.SizeInBytes();
        var selected = new byte[checked(rows.Count * bytes)];
        for (var i = 0; i < rows.Count; i++)
        {
            Data.Data.AsSpan(checked((int)rows[i] * bytes), bytes).CopyTo(selected.AsSpan(i * bytes));
        }

        var tensor = new Tensor(Data.Type, [rows.Count, .. Data.Shape.Skip(1)], selected);
        List<int> order = [.. Enumerable.Range(1, tensor.Shape.Length - 1)];
        order.Insert(_axis, 0);
        var strides = StridedWalk.RowMajor(tensor.Shape);
        return StridedWalk.Copy(tensor, [.. order.Select(d => tensor.Shape[d])], [.. order.Select(d => strides[d])]);
    }
}
