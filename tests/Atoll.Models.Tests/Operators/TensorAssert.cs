using System.Globalization;

namespace Atoll.Models.Tests;

/// <summary>Compares tensors: types and shapes exactly, floats within a tolerance, everything else exactly.</summary>
public static class TensorAssert
{
    public static void Close(Tensor expected, Tensor actual, double relative, double absolute, string what)
    {
        Assert.True(expected.Type == actual.Type, $"{what} is {actual.Type}, not {expected.Type}");
        Assert.True(expected.Shape.AsSpan().SequenceEqual(actual.Shape),
            $"{what} is [{string.Join(',', actual.Shape)}], not [{string.Join(',', expected.Shape)}]");
        var (x, y) = (Numbers(expected), Numbers(actual));
        // The last of the 8 bits of a bfloat16 may be cut off or rounded.
        relative = expected.Type == ElementType.BFloat16 ? 1.0 / 128 : relative;
        for (var i = 0; i < x.Length; i++)
        {
            var same = x[i].Equals(y[i]) || Math.Abs(x[i] - y[i]) <= absolute + relative * Math.Abs(x[i]);
            Assert.True(same, string.Create(CultureInfo.InvariantCulture,
                $"{what}: element {i} is {y[i]:R}, not {x[i]:R}"));
        }
    }

    private static double[] Numbers(Tensor tensor) => tensor.Type switch
    {
        ElementType.Float32 => Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (double)v),
        ElementType.Float64 => tensor.AsSpan<double>().ToArray(),
        ElementType.Float16 => Array.ConvertAll(tensor.AsSpan<Half>().ToArray(), v => (double)v),
        ElementType.BFloat16 => Array.ConvertAll(tensor.AsSpan<ushort>().ToArray(),
            v => (double)BitConverter.UInt32BitsToSingle((uint)v << 16)),
        ElementType.Int64 => Array.ConvertAll(tensor.AsSpan<long>().ToArray(), v => (double)v),
        ElementType.Int32 => Array.ConvertAll(tensor.AsSpan<int>().ToArray(), v => (double)v),
        _ => Array.ConvertAll(tensor.Data, v => (double)v),
    };
}
