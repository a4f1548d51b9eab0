using Atoll.Devices;

namespace Atoll.Kernels.Tests;

/// <summary>Products of bytes in every form against sums in plain integers.</summary>
public sealed class ByteProductTests
{
    public static TheoryData<ByteProductForm> Forms => [.. Enum.GetValues<ByteProductForm>()];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sums_are_exact_also_of_extreme_values(ByteProductForm form)
    {
        for (var seed = 0; seed < 60; seed++)
        {
            using var harness = Harness(form, seed);
            var random = harness.Random;
            int m = random.Next(1, 70), k = random.Next(4) == 0 ? random.Next(1, 4000) : random.Next(1, 200);
            int n = random.Next(1, 120), gap = random.Next(2) * random.Next(40);
            bool signedA = random.Next(2) == 0, signedB = random.Next(2) == 0, extreme = random.Next(3) == 0;
            var a = Bytes(harness, extreme, m, k + gap).Slice(1, random.Next(gap + 1), k);
            var b = Values(random, extreme, k * n);
            var zeroA =
                random.Next(3) switch { 0 => null, 1 => Bytes(harness, false, 1), _ => Bytes(harness, false, m) };
            var zeroB =
                random.Next(3) switch { 0 => null, 1 => Bytes(harness, false, 1), _ => Bytes(harness, false, n) };
            var bias = random.Next(2) == 0 ? null
                : harness.Of([.. Enumerable.Range(0, n).Select(_ => random.Next())], n);
            var packed = harness.Own(Pack(b, k, n, signedB));
            var y = harness.Allocate(4, m, n + 3).Slice(1, random.Next(4), n);
            var kernel = ByteMultiply.Create($"seed {seed}", ByteRows.Of(a), packed, y,
                new ByteProduct(signedA, zeroA, zeroB) { Bias = bias });
            var expected = Sums((KernelHarness.Read<byte>(a), zeroA, signedA), (b, zeroB, signedB), (m, k, n));
            expected = [.. expected.Select((v, i) => v + (bias is null ? 0 : KernelHarness.Read<int>(bias)[i % n]))];
            Assert.Equal(expected, harness.Run<int>(y, kernel));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sums_become_bytes_with_an_addition_and_limits(ByteProductForm form)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = Harness(form, seed);
            var random = harness.Random;
            int m = random.Next(1, 60), k = 4 * random.Next(1, 90), n = random.Next(1, 100);
            bool signedY = random.Next(2) == 0, signedR = random.Next(2) == 0;
            var a = Bytes(harness, false, m, k);
            var b = Values(random, false, k * n);
            var (scaleA, scaleB) = (Scalar(harness, 0.02f), harness.Of([.. Enumerable.Range(0, n).Select(_ =>
                0.001f + random.NextSingle() / 500)], n));
            var to = new ByteScale(Scalar(harness, 0.3f), Bytes(harness, false, 1), signedY);
            var residual = Bytes(harness, false, m, n);
            var sum = random.Next(2) == 0 ? null : new QuantizedSum(
                new ByteScale(Scalar(harness, 0.2f), Bytes(harness, false, 1), false), residual,
                new ByteScale(Scalar(harness, 0.1f), Bytes(harness, false, 1), signedR));
            var low = random.Next(2) == 0 ? 0 : float.NegativeInfinity;
            var packed = harness.Own(Pack(b, k, n, true));
            var y = harness.Allocate(1, m, n);
            var zeroA = Bytes(harness, false, 1);
            var kernel = ByteMultiply.Create($"seed {seed}", ByteRows.Of(a), packed, y,
                new ByteProduct(false, zeroA, null)
                {
                    Requantization = new Requantization(scaleA, scaleB, to) { Sum = sum, Low = low },
                });
            var sums = Sums((KernelHarness.Read<byte>(a), zeroA, false), (b, null, true), (m, k, n));
            var scales = KernelHarness.Read<float>(scaleB);
            var bytes = harness.Run<byte>(y, kernel);
            for (var i = 0; i < bytes.Length; i++)
            {
                var expected = Requantize(sums[i], 0.02f * scales[i % n], to, sum, i, low);
                int actual = signedY ? (sbyte)bytes[i] : bytes[i];
                Assert.True(Math.Abs(expected - actual) <= 1e-3, $"seed {seed}, {i}: {expected}, {actual}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sums_become_floats_with_bias_residual_and_activation(ByteProductForm form)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var harness = Harness(form, seed);
            var random = harness.Random;
            int m = random.Next(1, 40), k = random.Next(1, 300), n = random.Next(1, 80);
            var a = Bytes(harness, false, m, k);
            var b = Values(random, false, k * n);
            var (bias, residual) = (harness.Floats(0, n), harness.Floats(2, m, n));
            var packed = harness.Own(Pack(b, k, n, true));
            var y = harness.Floats(3, m, n);
            var kernel = ByteMultiply.Create($"seed {seed}", ByteRows.Of(a), packed, y,
                new ByteProduct(false, null, null)
                {
                    Dequantization = new Dequantization(Scalar(harness, 0.01f), Scalar(harness, 0.002f))
                    {
                        Bias = bias, Residual = residual, Activation = Activation.Relu,
                    },
                });
            var sums = Sums((KernelHarness.Read<byte>(a), null, false), (b, null, true), (m, k, n));
            var (shift, added) = (KernelHarness.Read<float>(bias), KernelHarness.Read<float>(residual));
            KernelHarness.Near([.. sums.Select((v, i) => MathF.Max(0, v * (0.01f * 0.002f) + shift[i % n] + added[i]))],
                harness.Run<float>(y, kernel));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Patches_of_images_are_read_with_their_borders(ByteProductForm form)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = Harness(form, seed);
            var random = harness.Random;
            int channels = random.Next(1, 40), height = random.Next(3, 12), width = random.Next(3, 12);
            var kernel = (Height: random.Next(1, 4), Width: random.Next(1, 4));
            var geometry = new ConvolutionGeometry
            {
                StrideHeight = random.Next(1, 3), StrideWidth = random.Next(1, 3), PadTop = random.Next(2),
                PadLeft = random.Next(2), PadRight = random.Next(2), PadBottom = random.Next(2),
                DilationWidth = random.Next(3) == 0 ? 2 : 1,
            };
            var size = (Height: geometry.OutputHeight(height, kernel.Height),
                Width: geometry.OutputWidth(width, kernel.Width));
            if (size.Height < 1 || size.Width < 1)
            {
                continue;
            }

            var x = Bytes(harness, false, 2, height, width, channels + random.Next(2)).Slice(3, 0, channels);
            var (k, n) = (kernel.Height * kernel.Width * channels, random.Next(1, 50));
            var b = Values(random, false, k * n);
            var zero = Bytes(harness, false, 1);
            var rows = ByteRows.Of(x, kernel, size, geometry);
            var y = harness.Allocate(4, rows.Count, n);
            var product = ByteMultiply.Create($"seed {seed}", rows, harness.Own(Pack(b, k, n, true)), y,
                new ByteProduct(false, zero, null));
            var patches = Patches(x, kernel, size, geometry, KernelHarness.Read<byte>(zero)[0]);
            Assert.Equal(Sums((patches, zero, false), (b, null, true), (rows.Count, k, n)),
                harness.Run<int>(y, product));
        }
    }

    [Theory]
    [InlineData(5, 7)]
    [InlineData(40, 7)]
    [InlineData(96, 3)]
    public void Depthwise_bytes_equal_the_reference_and_yield_often_also_with_many_taps(int channels, int size)
    {
        foreach (var step in new[] { 3f, -3f, float.NaN })
        {
            using var harness = new KernelHarness(SimdSupport.Best, channels);
            var x = Bytes(harness, false, 1, 9, 12, channels);
            var y = harness.Allocate(1, 1, 10 - size, 13 - size, channels);
            var raw = Values(harness.Random, false, channels * size * size);
            var w = harness.Own(DepthwiseBytes.Pack(raw, [], true, size, size));
            var to = new ByteScale(Scalar(harness, step), Bytes(harness, false, 1), false);
            var kernel = ByteDepthwise.Create("bytes", x, w, y, new ConvolutionGeometry(),
                new ByteProduct(false, null, null)
                {
                    Requantization = new Requantization(Scalar(harness, 0.1f), Scalar(harness, 0.2f), to),
                });
            var bytes = harness.Run<byte>(y, kernel);
            var pixels = KernelHarness.Read<byte>(x);
            for (var i = 0; i < bytes.Length && !float.IsNaN(step); i++)
            {
                var (row, column, channel) =
                    (i / channels / y.Shape[2], i / channels % y.Shape[2], i % channels);
                var sum = 0;
                for (var tap = 0; tap < size * size; tap++)
                {
                    sum += pixels[((row + tap / size) * 12 + column + tap % size) * channels + channel]
                        * (sbyte)raw[channel * size * size + tap];
                }

                var expected = Requantize(sum, 0.1f * 0.2f, to, null, i, float.NegativeInfinity);
                Assert.True(Math.Abs(expected - bytes[i]) <= 1e-3, $"{step}, {i}: {expected}, {bytes[i]}");
            }

            // Some 12 000 products go by in a microsecond by registers, 400 one by one.
            var macs = (double)y.Count * size * size / (channels < 32 ? 400 : 12_000);
            using var leaving = BlockContext.CreateLeaving((long)Math.Ceiling(macs / kernel.Blocks / 2));
            harness.Run<byte>(y, kernel);
            kernel.RunBlock(0, leaving);
            Assert.True(leaving.Yield(), "the block asked too seldom");
        }
    }

    private static KernelHarness Harness(ByteProductForm form, int seed)
    {
        Assert.SkipWhen(form == ByteProductForm.Vnni512 && ByteMicroKernels.Best != form, "no 512-bit VNNI here");
        Assert.SkipWhen(form == ByteProductForm.Vnni256 && !System.Runtime.Intrinsics.X86.AvxVnni.IsSupported,
            "no 256-bit VNNI here");
        ByteMicroKernels.Force(form);
        return new KernelHarness(SimdSupport.Best, seed);
    }

    private static double Requantize(int sum, float scale, ByteScale to, QuantizedSum? added, int at, float low)
    {
        static int Zero(ByteScale s) => s.IsSigned ? KernelHarness.Read<sbyte>(s.Zero)[0]
            : KernelHarness.Read<byte>(s.Zero)[0];
        static float Step(ByteScale s) => KernelHarness.Read<float>(s.Scale)[0];
        static double Stored(double value, ByteScale s) => Math.Clamp(Math.Round(value) + Zero(s),
            s.IsSigned ? -128 : 0, s.IsSigned ? 127 : 255);
        double value = sum * (scale / Step(added?.Of ?? to));
        if (added is not null)
        {
            var raw = KernelHarness.Read<byte>(added.Residual)[at];
            var residual = ((added.From.IsSigned ? (sbyte)raw : raw) - Zero(added.From)) * Step(added.From);
            value = ((Stored(value, added.Of) - Zero(added.Of)) * Step(added.Of) + residual) / Step(to);
        }

        return Stored(Math.Max(value, low), to);
    }

    private static TensorRef Scalar(KernelHarness harness, float value) => harness.Of([value], 1);

    private static PackedBytes Pack(byte[] b, int k, int n, bool isSigned) =>
        PackedBytes.Pack(b, [.. Enumerable.Range(0, k).Select(row => (long)row * n)], 1, n, isSigned);

    private static TensorRef Bytes(KernelHarness harness, bool extreme, params int[] shape)
    {
        var view = harness.Allocate(1, shape);
        KernelHarness.Write(view, Values(harness.Random, extreme, (int)view.Count));
        return view;
    }

    // Pairs of these overflow 16 bits, as the instruction that saturates would show.
    private static byte[] Values(Random random, bool extreme, int count) => [.. Enumerable.Range(0, count).Select(_ =>
        extreme ? (byte)(random.Next(2) == 0 ? 255 : random.Next(2) == 0 ? 128 : 127) : (byte)random.Next(256))];

    private static int[] Sums((byte[] Values, TensorRef? Zero, bool IsSigned) a,
        (byte[] Values, TensorRef? Zero, bool IsSigned) b, (int M, int K, int N) size)
    {
        static int At(byte value, bool isSigned) => isSigned ? (sbyte)value : value;
        var zeroA = a.Zero is null ? [0] : KernelHarness.Read<byte>(a.Zero);
        var zeroB = b.Zero is null ? [0] : KernelHarness.Read<byte>(b.Zero);
        var sums = new int[size.M * size.N];
        for (var i = 0; i < sums.Length; i++)
        {
            var (row, column) = (i / size.N, i % size.N);
            var z = At(zeroA[row % zeroA.Length], a.IsSigned);
            var w = At(zeroB[column % zeroB.Length], b.IsSigned);
            for (var k = 0; k < size.K; k++)
            {
                sums[i] += (At(a.Values[row * size.K + k], a.IsSigned) - z) *
                    (At(b.Values[k * size.N + column], b.IsSigned) - w);
            }
        }

        return sums;
    }

    private static byte[] Patches(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) size,
        ConvolutionGeometry g, byte filler)
    {
        var values = KernelHarness.Read<byte>(x);
        var (height, width, channels) = (x.Shape[1], x.Shape[2], x.Shape[3]);
        var patches = new List<byte>();
        for (var row = 0; row < x.Shape[0] * size.Height * size.Width; row++)
        {
            for (var tap = 0; tap < kernel.Height * kernel.Width; tap++)
            {
                var h = row / size.Width % size.Height * g.StrideHeight - g.PadTop +
                    tap / kernel.Width * g.DilationHeight;
                var w = row % size.Width * g.StrideWidth - g.PadLeft + tap % kernel.Width * g.DilationWidth;
                var image = row / size.Width / size.Height;
                for (var c = 0; c < channels; c++)
                {
                    patches.Add(h < 0 || h >= height || w < 0 || w >= width ? filler
                        : values[((image * height + h) * width + w) * channels + c]);
                }
            }
        }

        return [.. patches];
    }
}
