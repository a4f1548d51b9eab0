namespace Atoll.Kernels.Tests;

public sealed class PoolingTests
{
    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    [Theory]
    [MemberData(nameof(Levels))]
    public void Random_windows_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int kh = random.Next(1, 4), kw = random.Next(1, 4);
            int[] shape = [random.Next(1, 3), random.Next(4, 20), random.Next(4, 20), random.Next(1, 50)];
            var g = new ConvolutionGeometry
            {
                StrideHeight = random.Next(1, 3), StrideWidth = random.Next(1, 3),
                PadTop = random.Next(kh), PadLeft = random.Next(kw), PadBottom = random.Next(kh),
                    PadRight = random.Next(kw),
            };
            var x = harness.Floats(random.Next(3), shape);
            var y = harness.Floats(random.Next(3), shape[0], g.OutputHeight(shape[1], kh), g.OutputWidth(shape[2], kw),
                shape[3]);
            var values = KernelHarness.Read<float>(x);
            foreach (var kind in (string[])["max", "inside", "border"])
            {
                var kernel = kind == "max"
                    ? Pooling.Maximum($"seed {seed}", x, y, kh, kw, g)
                    : Pooling.Average($"seed {seed}", x, y, kh, kw, g, kind == "border");
                KernelHarness.Near(KernelReference.Pool(values, shape, kh, kw, g, kind), harness.Run<float>(y, kernel));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Global_pools_reduce_all_pixels(SimdLevel level)
    {
        using var harness = new KernelHarness(level, 5);
        TensorRef x = harness.Floats(3, 2, 7, 9, 50), y = harness.Floats(0, 2, 1, 1, 50);
        var values = KernelHarness.Read<float>(x);
        float Channel(int i, Func<IEnumerable<float>, float> over) =>
            over(Enumerable.Range(0, 63).Select(p => values[(i / 50 * 63 + p) * 50 + i % 50]));
        var means = Enumerable.Range(0, 100).Select(i => Channel(i, pixels => pixels.Average())).ToArray();
        KernelHarness.Near(means, harness.Run<float>(y, Pooling.GlobalAverage("mean", x, y)));
        var tops = Enumerable.Range(0, 100).Select(i => Channel(i, pixels => pixels.Max())).ToArray();
        Assert.Equal(tops, harness.Run<float>(y, Pooling.GlobalMaximum("top", x, y)));
    }
}
