namespace Atoll.Kernels.Tests;

/// <summary>Operands that do not fit together are refused when the kernel is made.</summary>
public sealed class IndexingTests
{
    [Fact]
    public void Kernel_is_not_made_for_operands_that_do_not_fit()
    {
        using var h = new KernelHarness(SimdSupport.Best, 1);
        TensorRef x = h.Floats(0, 4, 4), wide = h.Of(new long[12], 2, 6), rows = h.Of(new long[3], 3, 1);
        TensorRef F(params int[] shape) => h.Floats(0, shape);
        Refused(() => Indexing.GatherElements("a", x, wide, 0, F(2, 6)));
        Refused(() => Indexing.GatherElements("a", x, h.Of(new long[4], 1, 4), 0, F(2, 4)));
        Refused(() => Indexing.ScatterElements("b", ScatterReduction.None, ScalarType.Float32,
            new ScatterOperands(x, wide, F(2, 6), F(4, 4)), 0));
        Refused(() => Indexing.ScatterTuples("c", ScatterReduction.None, ScalarType.Float32,
            new ScatterOperands(x, rows, F(2, 4), F(4, 4))));
        Refused(() => Indexing.GatherTuples("d", F(2, 3, 4), h.Of(new long[10], 5, 2, 1), 1, F(5, 2, 4)));
        Refused(() => Indexing.OneHot("e", h.Of(new long[4], 4), F(1), 1, F(4, 5)));
        Refused(() => Indexing.ReverseSequence("f", x, h.Of(new long[2], 2), true, F(4, 4)));
        Refused(() => Gather.Create("g", x, h.Of(new long[4], 4), 0, F(3, 4)));
        Refused(() => Normalization.Group("h", F(2, 2, 3, 5), F(6), F(1), F(2, 2, 3, 5)));
        Refused(() => Normalization.LocalResponse("i", F(2, 3, 5), F(2, 3, 5), new LocalResponseOptions(3)));
        Refused(() => Quantization.Range("j", x.Slice(0, 3, 4, -1), F(1, 2), F(1), h.Of(new byte[1], 1)));
        Assert.NotNull(Quantization.Range("k", x.Permute(1, 0), F(1, 2), F(1), h.Of(new byte[1], 1)));
    }

    [Fact]
    public void Absolute_values_and_signs_of_extreme_numbers_wrap_or_stay()
    {
        using var h = new KernelHarness(SimdSupport.Best, 2);
        var x = h.Of([int.MinValue, -5, 0, 7], 4);
        var y = h.Allocate(4, 4);
        Assert.Equal([int.MinValue, 5, 0, 7], h.Run<int>(y,
            Elementwise.Unary("abs", UnaryOperator.Abs, ScalarType.Int32, x, y)));
        TensorRef wide = h.Of([double.NaN, -2, 0, 3], 4), z = h.Allocate(8, 4);
        Assert.Equal([double.NaN, -1, 0, 1], h.Run<double>(z,
            Elementwise.Unary("sign", UnaryOperator.Sign, ScalarType.Float64, wide, z)));
    }

    private static void Refused(Func<object> make) => Assert.Throws<ArgumentException>(make);
}
