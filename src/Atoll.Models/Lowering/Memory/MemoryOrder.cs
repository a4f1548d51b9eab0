namespace Atoll.Models;

/// <summary>In which order the elements of a value lie in memory; the logical shape stays the model's own.</summary>
internal enum MemoryOrder
{
    /// <summary>Last dimension fastest (NCHW).</summary>
    RowMajor,

    /// <summary>Dimension 1 fastest (NHWC), so that convolutions and poolings read whole channel vectors.</summary>
    ChannelsLast,

    /// <summary>
    /// (batch, heads, tokens, depth) lies as batch, tokens, heads, depth, so that joining the heads after an attention
    /// needs no copy.
    /// </summary>
    TokensFirst,
}

internal static class MemoryOrders
{
    /// <summary>
    /// Element strides of a tensor in the order, dense but for <paramref name="padding"/> elements after each line of
    /// the fastest dimension; channels-last needs three dimensions or more.
    /// </summary>
    public static long[] Strides(long[] shape, MemoryOrder order, int padding = 0)
    {
        var strides = new long[shape.Length];
        var stride = 1L;
        foreach (var axis in FastestFirst(shape.Length, order))
        {
            strides[axis] = stride;
            stride = (stride * shape[axis]) + padding;
            padding = 0;
        }

        return strides;
    }

    private static IEnumerable<int> FastestFirst(int rank, MemoryOrder order)
    {
        var descending = Enumerable.Range(0, rank).Reverse();
        return order switch
        {
            MemoryOrder.ChannelsLast when rank > 2 => [1, .. descending.Where(axis => axis > 1), 0],
            MemoryOrder.TokensFirst when rank == 4 => [3, 1, 2, 0],
            _ => descending,
        };
    }
}
