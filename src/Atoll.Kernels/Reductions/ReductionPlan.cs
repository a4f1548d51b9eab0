using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Splits the axes of x into kept ones, which y has (with size 1 or absent where reduced), and reduced ones.
/// </summary>
internal sealed unsafe class ReductionPlan
{
    public ReductionPlan(TensorRef x, ReadOnlySpan<int> axes, TensorRef y)
    {
        var reduced = new bool[x.Rank];
        foreach (var axis in axes)
        {
            reduced[axis < 0 ? axis + x.Rank : axis] = true;
        }

        int[] kept = [.. Enumerable.Range(0, x.Rank).Where(axis => !reduced[axis])];
        int[] keptShape = [.. kept.Select(axis => x.Shape[axis])];
        var target = y.TryReshape(keptShape)
            ?? throw new ArgumentException(
                $"{y} cannot hold the reduction of {x} over [{string.Join(',', axes.ToArray())}]");
        X = x;
        Y = y;
        OuterSizes = keptShape;
        OuterX = [.. kept.Select(axis => x.Strides[axis])];
        OuterY = target.Strides;
        int[] inner = [.. Enumerable.Range(0, x.Rank).Where(axis => reduced[axis] && x.Shape[axis] != 1)
            .OrderByDescending(axis => Math.Abs(x.Strides[axis]))];
        (Sizes, Strides) = Merge(x, inner);
        Length = Sizes.Aggregate(1L, (count, size) => count * size);
        Outputs = target.Count;
    }

    public TensorRef X { get; }

    public TensorRef Y { get; }

    public int[] OuterSizes { get; }

    public long[] OuterX { get; }

    public long[] OuterY { get; }

    /// <summary>Merged reduced axes, the innermost last; at least one.</summary>
    public int[] Sizes { get; }

    public long[] Strides { get; }

    /// <summary>Elements that become one.</summary>
    public long Length { get; }

    /// <summary>Runs along the innermost reduced axis that become one; none where an axis is empty.</summary>
    public long Rows => Length == 0 ? 0 : Length / Sizes[^1];

    public long Outputs { get; }

    public BufferAccess[] Accesses => [X.Reads(), Y.Writes()];

    /// <summary>Element offsets of an output and of its first input.</summary>
    public (long X, long Y) Offsets(long output)
    {
        long x = 0, y = 0;
        for (var axis = OuterSizes.Length - 1; axis >= 0; axis--)
        {
            var index = output % OuterSizes[axis];
            output /= OuterSizes[axis];
            x += index * OuterX[axis];
            y += index * OuterY[axis];
        }

        return (x, y);
    }

    /// <summary>Offset of the given row (all reduced axes but the innermost).</summary>
    public long RowOffset(long row)
    {
        var offset = 0L;
        for (var axis = Sizes.Length - 2; axis >= 0; axis--)
        {
            offset += row % Sizes[axis] * Strides[axis];
            row /= Sizes[axis];
        }

        return offset;
    }

    private static (int[] Sizes, long[] Strides) Merge(TensorRef x, int[] axes)
    {
        List<int> sizes = [];
        List<long> strides = [];
        foreach (var axis in axes)
        {
            if (sizes.Count > 0 && strides[^1] == x.Strides[axis] * x.Shape[axis])
            {
                sizes[^1] *= x.Shape[axis];
                strides[^1] = x.Strides[axis];
            }
            else
            {
                sizes.Add(x.Shape[axis]);
                strides.Add(x.Strides[axis]);
            }
        }

        return sizes.Count == 0 ? ([1], [0]) : ([.. sizes], [.. strides]);
    }
}
