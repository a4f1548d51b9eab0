namespace Atoll.Models;

/// <summary>
/// Finds strides for a reshape without a copy: groups of dimensions with equal products must each be dense.
/// </summary>
internal static class ReshapedStrides
{
    public static long[]? Find(long[] shape, long[] strides, long[] target)
    {
        var result = new long[target.Length];
        Array.Fill(result, 1);
        if (Array.Exists(shape, d => d == 0))
        {
            return result;
        }

        int[] kept = [.. Enumerable.Range(0, shape.Length).Where(i => shape[i] != 1)];
        var (from, to) = (0, 0);
        while (from < kept.Length)
        {
            var (fromEnd, toEnd) = (from + 1, to + 1);
            var (fromCount, toCount) = (shape[kept[from]], target[to]);
            while (fromCount != toCount)
            {
                if (fromCount < toCount)
                {
                    fromCount *= shape[kept[fromEnd++]];
                }
                else
                {
                    toCount *= target[toEnd++];
                }
            }

            if (!IsDense(shape, strides, kept.AsSpan(from..fromEnd)))
            {
                return null;
            }

            var stride = strides[kept[fromEnd - 1]];
            for (var i = toEnd - 1; i >= to; i--)
            {
                result[i] = stride;
                stride *= target[i];
            }

            (from, to) = (fromEnd, toEnd);
        }

        return result;
    }

    private static bool IsDense(long[] shape, long[] strides, ReadOnlySpan<int> dims)
    {
        for (var i = 0; i + 1 < dims.Length; i++)
        {
            if (strides[dims[i]] != strides[dims[i + 1]] * shape[dims[i + 1]])
            {
                return false;
            }
        }

        return true;
    }
}
