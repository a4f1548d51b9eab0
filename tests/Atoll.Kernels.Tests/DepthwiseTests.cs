using Atoll.Devices;

namespace Atoll.Kernels.Tests;

public sealed class DepthwiseTests
{
    private static readonly ActivationKind[] Kinds = Enum.GetValues<ActivationKind>();

    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    [Theory]
    [MemberData(nameof(Levels))]
    public void Random_depthwise_layers_with_their_neighbours_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            Check(harness, Draw(harness.Random), $"seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Known_depthwise_layers_equal_the_reference(SimdLevel level)
    {
        var same = new ConvolutionGeometry { PadTop = 1, PadLeft = 1, PadBottom = 1, PadRight = 1 };
        var wide = new ConvolutionGeometry { PadTop = 2, PadLeft = 2, PadBottom = 2, PadRight = 2 };
        var halving = new ConvolutionGeometry
        {
            PadTop = 1, PadLeft = 1, PadBottom = 1, PadRight = 1, StrideHeight = 2, StrideWidth = 2,
        };
        Layer[] layers =
        [
            new([1, 7, 7, 40], 80, 3, same, true), new([2, 7, 7, 20], 48, 5, wide, true),
            new([1, 14, 14, 24], 144, 5, wide, true), new([1, 28, 28, 16], 96, 3, halving, true),
            new([1, 56, 56, 8], 40, 3, same, true), new([1, 12, 12, 500], 36, 3, same, true),
            new([1, 40, 40, 64], 64, 3, same, false), new([1, 5, 3, 33], 33, 5, wide, false),
        ];
        for (var i = 0; i < layers.Length; i++)
        {
            using var harness = new KernelHarness(level, i);
            Check(harness, layers[i], $"layer {i}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Layers_whose_strip_is_too_large_are_cut_into_columns(SimdLevel level)
    {
        var far = new ConvolutionGeometry
        {
            PadTop = 24, PadLeft = 24, PadBottom = 24, PadRight = 24, DilationHeight = 24, DilationWidth = 24,
        };
        var steps = new ConvolutionGeometry { PadLeft = 40_000, PadRight = 3, StrideWidth = 2 };
        Layer[] layers =
        [
            new([1, 1, 50_000, 3], 3, 1, steps, false), new([1, 30, 1024, 2], 2, 3, far, false),
            new([1, 1, 30_000, 2], 18, 1, new ConvolutionGeometry(), true),
        ];
        for (var i = 0; i < layers.Length; i++)
        {
            using var harness = new KernelHarness(level, i);
            Check(harness, layers[i], $"layer {i}");
        }
    }

    [Fact]
    public void A_strip_of_any_width_fits_scratch_memory_or_there_is_no_kernel()
    {
        var one = new ConvolutionGeometry();
        Assert.True(Convolution.DepthwiseParts([1, 1, 12_000_000, 2], [1, 3], one, 0) > 1);
        Assert.Equal(0, Convolution.DepthwiseParts([1, 1, 12_000_000, 2], [1, 1 << 20], one, 0));
        Assert.Equal(0, Convolution.DepthwiseParts(
            [1, 9, 9, 2], [3, 3], one with { DilationHeight = int.MaxValue / 2, DilationWidth = int.MaxValue / 2 }, 0));
        using var harness = new KernelHarness(SimdSupport.Best, 1);
        var weights = harness.Own(ConvolutionWeights.Pack(harness.Values(6), 2, 1, 1, 3, 2, []));
        var (x, y) = (harness.Allocate(4, 1, 1, 200_002, 2), harness.Allocate(4, 1, 1, 200_000, 2));
        var kernel = Assert.Single(Convolution.Create(
            "wide", x, weights, y, one, new Epilogue(null, Activation.None)));
        Assert.InRange(kernel.ScratchBytes, 1L, 4L << 20);
    }

    private static Layer Draw(Random random)
    {
        int size = random.Next(1, 4) * 2 - 1, channels = random.Next(2, 90), dilation = random.Next(4) == 0 ? 2 : 1;
        var expands = random.Next(3) > 0;
        var reach = (size - 1) * dilation + 1;
        return new Layer(
            [random.Next(1, 3), random.Next(reach, reach + 20), random.Next(reach, reach + 40),
                expands ? random.Next(1, 40) : channels],
            channels, size, new ConvolutionGeometry
            {
                StrideHeight = random.Next(1, 4), StrideWidth = random.Next(1, 4),
                PadTop = random.Next(reach), PadLeft = random.Next(reach), PadBottom = random.Next(reach),
                PadRight = random.Next(reach), DilationHeight = dilation, DilationWidth = dilation,
            }, expands);
    }

    private static void Check(KernelHarness harness, Layer test, string what)
    {
        var random = harness.Random;
        var g = test.Geometry;
        int[] filters = [test.Channels, 1, test.Size, test.Size], before = [test.Channels, test.Input[3], 1, 1];
        int[] middle = [.. test.Input[..3], test.Channels];
        var (w, bias) = Filters(harness, filters);
        var (v, offset) = Filters(harness, before);
        var layer = new DepthwiseLayer(
            harness.Own(ConvolutionWeights.Pack(w, test.Channels, 1, test.Size, test.Size, test.Channels, bias)), g,
            new Epilogue(null, Draw(harness)));
        var x = harness.Floats(random.Next(2) * 5, test.Input);
        var inputs = KernelHarness.Read<float>(x);
        if (test.Expands)
        {
            layer = layer with
            {
                Expansion = harness.Own(ConvolutionWeights.Pack(v, test.Channels, test.Input[3], 1, 1, 1, offset)),
                ExpansionActivation = Draw(harness),
            };
            inputs = KernelReference.Convolve(inputs, test.Input, v, before, offset, new ConvolutionGeometry(), 1);
            inputs = [.. inputs.Select(value => KernelReference.Activate(layer.ExpansionActivation, value))];
        }

        int[] output =
        [
            test.Input[0], g.OutputHeight(test.Input[1], test.Size), g.OutputWidth(test.Input[2], test.Size),
            test.Channels,
        ];
        var y = harness.Floats(random.Next(2) * 7, output);
        var residual = random.Next(3) == 0 ? harness.Floats(random.Next(2) * 3, output) : null;
        layer = layer with { Epilogue = layer.Epilogue with { Residual = residual } };
        var expected = KernelReference.Convolve(inputs, middle, w, filters, bias, g, test.Channels);
        var added = residual == null ? new float[expected.Length] : KernelHarness.Read<float>(residual);
        expected = [.. expected.Select((value, i) =>
            KernelReference.Activate(layer.Epilogue.Activation, value + added[i]))];
        KernelHarness.Near(
            expected, harness.Run<float>(y, Convolution.CreateDepthwise(what, x, layer, y)), tolerance: 5e-5);
        CheckMeans(harness, (x, layer, y), expected, test);
    }

    /// <summary>The means' shares, seen as the output that is compared, sum to the reference's means.</summary>
    private static void CheckMeans(
        KernelHarness harness, (TensorRef X, DepthwiseLayer Layer, TensorRef Y) on, float[] expected, Layer test)
    {
        var parts = Convolution.DepthwiseParts(on.Y.Shape, [test.Size, test.Size], test.Geometry,
            test.Expands ? test.Input[3] : 0);
        var means = harness.Floats(0, on.Y.Shape[0], parts, 1, test.Channels);
        var kernel = Convolution.CreateDepthwise("means", on.X, on.Layer with { Means = means }, on.Y);
        using (var context = BlockContext.CreateUndisturbed())
        {
            for (var block = 0; block < kernel.Blocks; block++)
            {
                kernel.RunBlock(block, context);
            }
        }

        KernelHarness.Near(expected, KernelHarness.Read<float>(on.Y), tolerance: 5e-5);
        var shares = KernelHarness.Read<float>(means);
        int pixels = on.Y.Shape[1] * on.Y.Shape[2], perImage = parts * test.Channels;
        var sums = new float[on.Y.Shape[0] * test.Channels];
        var references = new double[sums.Length];
        for (var i = 0; i < expected.Length; i++)
        {
            references[i / (pixels * test.Channels) * test.Channels + i % test.Channels] += expected[i] / pixels;
        }

        for (var i = 0; i < shares.Length; i++)
        {
            sums[i / perImage * test.Channels + i % test.Channels] += shares[i];
        }

        KernelHarness.Near([.. references.Select(sum => (float)sum)], sums, tolerance: 5e-5);
    }

    private static (float[] Values, float[] Bias) Filters(KernelHarness harness, int[] shape)
    {
        var values = harness.Values(shape.Aggregate(1, (count, size) => count * size));
        var scale = 1 / MathF.Sqrt(shape[1] * shape[2] * shape[3]);
        values = [.. values.Select(value => value * scale)];
        return (values, harness.Random.Next(3) == 0 ? [] : harness.Values(shape[0]));
    }

    private static Activation Draw(KernelHarness harness) => new(Kinds[harness.Random.Next(Kinds.Length)], 0.1f, 0.9f);

    private sealed record Layer(int[] Input, int Channels, int Size, ConvolutionGeometry Geometry, bool Expands);
}
