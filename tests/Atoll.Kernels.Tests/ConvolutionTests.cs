using Atoll.Devices;

namespace Atoll.Kernels.Tests;

public sealed class ConvolutionTests
{
    private static readonly ActivationKind[] Kinds = Enum.GetValues<ActivationKind>();

    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    [Theory]
    [MemberData(nameof(Levels))]
    public void Random_convolutions_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 30; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int kh = random.Next(1, 4), kw = random.Next(1, 4), groups = random.Next(4) == 0 ? 2 : 1;
            var input = groups * random.Next(1, 24);
            var shape = new ConvolutionCase(
                [random.Next(1, 3), random.Next(kh + 1, 20), random.Next(kw + 1, 40), input],
                [groups * random.Next(1, 40), input / groups, kh, kw], groups,
                new ConvolutionGeometry
                {
                    StrideHeight = random.Next(1, 3), StrideWidth = random.Next(1, 3),
                    PadTop = random.Next(kh), PadLeft = random.Next(kw), PadBottom = random.Next(kh),
                        PadRight = random.Next(kw),
                });
            Check(harness, shape, $"seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Known_layer_shapes_equal_the_reference(SimdLevel level)
    {
        var same = new ConvolutionGeometry { PadTop = 1, PadLeft = 1, PadBottom = 1, PadRight = 1 };
        var stem = new ConvolutionGeometry
        {
            StrideHeight = 2, StrideWidth = 2, PadTop = 3, PadLeft = 3, PadBottom = 3, PadRight = 3,
        };
        ConvolutionCase[] cases =
        [
            new([1, 33, 33, 3], [32, 3, 7, 7], 1, stem),
            new([1, 14, 14, 64], [64, 64, 3, 3], 1, same),
            new([2, 7, 7, 96], [80, 96, 3, 3], 1, same),
            new([1, 17, 17, 48], [40, 48, 1, 7], 1, new ConvolutionGeometry { PadLeft = 3, PadRight = 3 }),
            new([1, 28, 28, 128], [96, 128, 1, 1], 1, new ConvolutionGeometry()),
            new([1, 15, 15, 64], [32, 64, 1, 1], 1, new ConvolutionGeometry { StrideHeight = 2, StrideWidth = 2 }),
            new([1, 7, 7, 800], [33, 800, 1, 1], 1, new ConvolutionGeometry()),
            new([1, 20, 20, 8], [8, 8, 3, 3], 1, same with { PadTop = 2, PadLeft = 2, PadBottom = 2, PadRight = 2,
                DilationHeight = 2, DilationWidth = 2 }),
            new([1, 30, 30, 40], [40, 1, 3, 3], 40, same),
            new([1, 19, 33, 40], [40, 1, 5, 5], 40, same with { PadTop = 2, PadLeft = 2, PadBottom = 2, PadRight = 2 }),
            new([1, 19, 33, 32], [32, 1, 5, 5], 32, same with { StrideHeight = 2, StrideWidth = 2 }),
            new([2, 7, 7, 52], [52, 1, 5, 5], 52, same with { PadTop = 2, PadLeft = 2, PadBottom = 2, PadRight = 2 }),
            new([1, 14, 14, 40], [40, 1, 3, 3], 40, same with { PadTop = 2, PadLeft = 2, PadBottom = 2, PadRight = 2,
                DilationHeight = 2, DilationWidth = 2 }),
            new([1, 23, 37, 56], [56, 1, 3, 3], 56, same with { StrideHeight = 2, StrideWidth = 2 }),
            new([2, 31, 29, 24], [24, 1, 5, 3], 24, same with { StrideHeight = 2, StrideWidth = 2 }),
            new([1, 1, 1, 64], [100, 64, 1, 1], 1, new ConvolutionGeometry()),
        ];
        for (var i = 0; i < cases.Length; i++)
        {
            using var harness = new KernelHarness(level, i);
            Check(harness, cases[i], $"case {i}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Layers_of_images_that_leave_the_near_cache_equal_the_reference(SimdLevel level)
    {
        var half = new ConvolutionGeometry { StrideHeight = 2, StrideWidth = 2, PadTop = 1, PadLeft = 1 };
        ConvolutionCase[] cases =
        [
            new([1, 61, 60, 80], [96, 80, 3, 3], 1, half),
            new([1, 57, 67, 64], [72, 64, 1, 1], 1, new ConvolutionGeometry()),
            new([2, 40, 40, 88], [40, 88, 1, 1], 1, half with { PadTop = 0, PadLeft = 0 }),
        ];
        for (var i = 0; i < cases.Length; i++)
        {
            using var harness = new KernelHarness(level, i);
            Check(harness, cases[i], $"case {i}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Winograd_convolutions_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 30; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            var g = new ConvolutionGeometry
            {
                PadTop = random.Next(3), PadLeft = random.Next(3), PadBottom = random.Next(3),
                PadRight = random.Next(3),
            };
            var channels = seed == 0 ? 800 : random.Next(1, 50);
            int[] input = [random.Next(1, 3), random.Next(3, 20), random.Next(3, 30), channels];
            CheckWinograd(harness, new ConvolutionCase(input, [random.Next(1, 70), channels, 3, 3], 1, g));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Gated_pointwise_convolutions_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int[] input = [random.Next(1, 4), random.Next(1, 20), random.Next(1, 40), random.Next(1, 500)];
            var test = new ConvolutionCase(
                input, [random.Next(1, 90), input[3], 1, 1], 1, new ConvolutionGeometry());
            var (values, bias) = Filters(harness, test);
            var w = harness.Own(ConvolutionWeights.Pack(values, test.Weights[0], test.Weights[1], 1, 1, 1, bias));
            var gate = harness.Floats(random.Next(2) * 3, input[0], 1, 1, input[3]);
            var factors = KernelHarness.Read<float>(gate);
            Compare(harness, test, values, bias, (x, y, epilogue) =>
                Convolution.Create("gated", x, w, y, test.Geometry, epilogue with { Gate = gate }), 5e-5,
                (x, i) => x * factors[i / (input[1] * input[2] * input[3]) * input[3] + i % input[3]]);
        }
    }

    [Fact]
    public void Winograd_is_chosen_for_large_3x3_layers_of_stride_1_only()
    {
        var same = new ConvolutionGeometry { PadTop = 1, PadLeft = 1, PadBottom = 1, PadRight = 1 };
        Assert.True(WinogradWeights.Pays([64, 64, 3, 3], 1, same, [1, 56, 56, 64]));
        Assert.True(WinogradWeights.Pays([256, 256, 3, 3], 1, same, [1, 14, 14, 256]));
        Assert.False(WinogradWeights.Pays([512, 512, 3, 3], 1, same, [1, 7, 7, 512]));
        Assert.True(WinogradWeights.Pays([512, 512, 3, 3], 1, same, [8, 7, 7, 512]));
        Assert.False(WinogradWeights.Pays([64, 3, 3, 3], 1, same, [1, 224, 224, 64]));
        Assert.False(WinogradWeights.Pays([64, 64, 1, 1], 1, same, [1, 56, 56, 64]));
        Assert.False(WinogradWeights.Pays([64, 64, 3, 3], 1, same with { StrideHeight = 2 }, [1, 28, 56, 64]));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var harness = new KernelHarness(SimdLevel.Scalar, 1);
        var w = harness.Own(ConvolutionWeights.Pack(harness.Values(8 * 4), 8, 4, 1, 1, 1, []));
        var (x, y) = (harness.Floats(0, 1, 5, 5, 4), harness.Floats(0, 1, 4, 5, 8));
        Assert.Throws<ArgumentException>(() =>
            Convolution.Create("c", x, w, y, new ConvolutionGeometry(), Epilogue.None));
        Assert.Throws<ArgumentException>(() => ConvolutionWeights.Pack(harness.Values(7), 8, 4, 1, 1, 1, []));
    }

    private static void CheckWinograd(KernelHarness harness, ConvolutionCase test)
    {
        var (values, bias) = Filters(harness, test);
        var w = harness.Own(WinogradWeights.Pack(values, test.Weights[0], test.Weights[1], bias));
        Compare(harness, test, values, bias, (x, y, epilogue) =>
            [Convolution.CreateWinograd("winograd", x, w, y, test.Geometry, epilogue)], tolerance: 1e-4);
    }

    private static void Check(KernelHarness harness, ConvolutionCase test, string what)
    {
        var (values, bias) = Filters(harness, test);
        var w = harness.Own(ConvolutionWeights.Pack(
            values, test.Weights[0], test.Weights[1], test.Weights[2], test.Weights[3], test.Groups, bias));
        Compare(harness, test, values, bias, (x, y, epilogue) =>
            Convolution.Create(what, x, w, y, test.Geometry, epilogue));
    }

    private static (float[] Values, float[] Bias) Filters(KernelHarness harness, ConvolutionCase test)
    {
        var values = harness.Values(test.Weights.Aggregate(1, (count, size) => count * size));
        var scale = 1 / MathF.Sqrt(test.Weights[1] * test.Weights[2] * test.Weights[3]);
        values = [.. values.Select(value => value * scale)];
        return (values, harness.Random.Next(3) == 0 ? [] : harness.Values(test.Weights[0]));
    }

    private static void Compare(KernelHarness harness, ConvolutionCase test, float[] values, float[] bias,
        Func<TensorRef, TensorRef, Epilogue, IReadOnlyList<CpuKernel>> make, double tolerance = 2e-5,
        Func<float, int, float>? before = null)
    {
        var random = harness.Random;
        var x = harness.Floats(random.Next(2) * 5, test.Input);
        int[] output =
        [
            test.Input[0], test.Geometry.OutputHeight(test.Input[1], test.Weights[2]),
            test.Geometry.OutputWidth(test.Input[2], test.Weights[3]), test.Weights[0],
        ];
        var y = harness.Floats(random.Next(2) * 7, output);
        var residual = random.Next(2) == 0 ? harness.Floats(random.Next(2) * 3, output) : null;
        var activation = new Activation(Kinds[random.Next(Kinds.Length)], 0.1f, 0.9f);
        var expected = KernelReference.Convolve(
            [.. KernelHarness.Read<float>(x).Select(before ?? ((value, _) => value))], test.Input, values, test.Weights,
            bias, test.Geometry, test.Groups);
        var added = residual == null ? new float[expected.Length] : KernelHarness.Read<float>(residual);
        expected = [.. expected.Select((value, i) => KernelReference.Activate(activation, value + added[i]))];
        KernelHarness.Near(expected, harness.Run<float>(y, make(x, y, new Epilogue(residual, activation))), tolerance);
    }

    private sealed record ConvolutionCase(int[] Input, int[] Weights, int Groups, ConvolutionGeometry Geometry);
}
