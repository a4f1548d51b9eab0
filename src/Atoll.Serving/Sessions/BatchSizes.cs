using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Which batch sizes of a model get a program of their own, and whether it can be batched at all.</summary>
internal static class BatchSizes
{
    /// <summary>
    /// 1, 2, 3, 4, 6, 8, 12, 16 … up to the largest, which is always among them: a batch that falls between two is
    /// padded to the next, so at most a third of the work is for nothing.
    /// </summary>
    public static IReadOnlyList<int> UpTo(int largest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(largest, 1);
        var sizes = new List<int>();
        for (var power = 1; power <= largest; power *= 2)
        {
            sizes.Add(power);
            if (power >= 2 && power + (power / 2) <= largest)
            {
                sizes.Add(power + (power / 2));
            }
        }

        if (sizes[^1] != largest)
        {
            sizes.Add(largest);
        }

        return sizes;
    }

    /// <summary>Null when requests can be put together along the first dimension; else why they cannot.</summary>
    public static string? WhyNot(IEnumerable<TensorSpec> inputs, IEnumerable<TensorSpec> outputs)
    {
        foreach (var tensor in inputs.Concat(outputs))
        {
            if (tensor.Shape.Count == 0 || tensor.Shape[0] >= 0)
            {
                return $"the first dimension of '{tensor}' is not open";
            }

            if (tensor.Shape.Skip(1).Any(dimension => dimension < 0))
            {
                return $"'{tensor}' leaves more than its first dimension open";
            }
        }

        return null;
    }
}
