namespace Atoll.Kernels.Tests;

public sealed class ElementwiseTests
{
    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    private static Dictionary<UnaryOperator, Func<double, double>> Functions => new()
    {
        [UnaryOperator.Relu] = x => Math.Max(0, x),
        [UnaryOperator.Sigmoid] = x => 1 / (1 + Math.Exp(-x)),
        [UnaryOperator.Tanh] = Math.Tanh,
        [UnaryOperator.Exp] = Math.Exp,
        [UnaryOperator.Log] = Math.Log,
        [UnaryOperator.Sqrt] = Math.Sqrt,
        [UnaryOperator.Negate] = x => -x,
        [UnaryOperator.Abs] = Math.Abs,
        [UnaryOperator.Erf] = KernelReference.Erf,
        [UnaryOperator.Softplus] = x => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
        [UnaryOperator.Softsign] = x => x / (1 + Math.Abs(x)),
        [UnaryOperator.Reciprocal] = x => 1 / x,
        [UnaryOperator.Floor] = Math.Floor,
        [UnaryOperator.Ceiling] = Math.Ceiling,
        [UnaryOperator.Round] = Math.Round,
        [UnaryOperator.Silu] = x => x / (1 + Math.Exp(-x)),
        [UnaryOperator.Sign] = x => Math.Sign(x),
        [UnaryOperator.Square] = x => x * x,
        [UnaryOperator.Clip] = x => Math.Clamp(x, 0.5, 0.75),
        [UnaryOperator.LeakyRelu] = x => x < 0 ? 0.5 * x : x,
        [UnaryOperator.Elu] = x => x < 0 ? 0.5 * (Math.Exp(x) - 1) : x,
        [UnaryOperator.Celu] = x => x < 0 ? 0.5 * (Math.Exp(x / 0.5) - 1) : x,
        [UnaryOperator.Selu] = x => 0.75 * (x < 0 ? 0.5 * (Math.Exp(x) - 1) : x),
        [UnaryOperator.ThresholdedRelu] = x => x > 0.5 ? x : 0,
        [UnaryOperator.Affine] = x => x * 0.5 + 0.75,
        [UnaryOperator.Mish] = x => x * Math.Tanh(Math.Log(1 + Math.Exp(x))),
        [UnaryOperator.Sin] = Math.Sin,
        [UnaryOperator.Atan] = Math.Atan,
    };

    [Theory]
    [MemberData(nameof(Levels))]
    public void Functions_of_one_tensor_equal_the_reference_on_any_strides(SimdLevel level)
    {
        foreach (var (function, reference) in Functions)
        {
            using var harness = new KernelHarness(level, (int)function);
            var x = harness.Shuffled(3, 5, 33);
            var y = harness.Random.Next(2) == 0 ? harness.Floats(2, 3, 5, 33) : harness.Shuffled(3, 5, 33);
            if (function is UnaryOperator.Log or UnaryOperator.Sqrt)
            {
                KernelHarness.Write(x, [.. KernelHarness.Read<float>(x).Select(MathF.Abs)]);
            }

            var expected = KernelHarness.Read<float>(x).Select(value => (float)reference(value)).ToArray();
            KernelHarness.Near(expected, harness.Run<float>(y,
                Elementwise.Unary(function.ToString(), function, x, y, 0.5f, 0.75f)), 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Exp_log_erf_and_tanh_are_accurate_and_right_at_the_edges(SimdLevel level)
    {
        using var harness = new KernelHarness(level, 7);
        float[] values =
        [
            .. Enumerable.Range(-4000, 8001).Select(i => i * 0.0251f), 0, -0f, 1e-30f, 1e-42f, 88.72f, 89f, 1000,
                -87.4f, -100f,
            -1000, float.PositiveInfinity, float.NegativeInfinity, float.NaN, float.MaxValue, 0.625f, 0.925f, 4f,
        ];
        var x = harness.Of(values, values.Length);
        foreach (var (function, reference) in Functions.Where(f => f.Key is UnaryOperator.Exp or UnaryOperator.Log
            or UnaryOperator.Erf or UnaryOperator.Tanh or UnaryOperator.Sigmoid))
        {
            var y = harness.Floats(0, values.Length);
            var actual = harness.Run<float>(y, Elementwise.Unary("f", function, x, y));
            for (var i = 0; i < values.Length; i++)
            {
                var expected = (float)(double.IsInfinity(values[i]) && function == UnaryOperator.Erf
                    ? Math.Sign(values[i]) : reference(values[i]));
                var near = expected.Equals(actual[i]) || Math.Abs(expected - actual[i]) <= 4e-7 * Math.Abs(expected)
                    + 1e-37;
                Assert.True(near, $"{function}({values[i]:R}) = {expected:R}, not {actual[i]:R}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Functions_of_two_tensors_broadcast(SimdLevel level)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var a = harness.Shuffled(1, 7, 35);
            var b = harness.Shuffled(4, harness.Random.Next(2) == 0 ? 1 : 7, harness.Random.Next(2) == 0 ? 1 : 35);
            var y = harness.Floats(seed % 3, 4, 7, 35);
            float[] left = KernelHarness.Read<float>(a.BroadcastTo(4, 7, 35)),
                right = KernelHarness.Read<float>(b.BroadcastTo(4, 7, 35));
            var (function, reference) = (seed % 7) switch
            {
                0 => (BinaryOperator.Add, (Func<float, float, float>)((p, q) => p + q)),
                1 => (BinaryOperator.Subtract, (p, q) => p - q),
                2 => (BinaryOperator.Multiply, (p, q) => p * q),
                3 => (BinaryOperator.Divide, (p, q) => p / q),
                4 => (BinaryOperator.Maximum, Math.Max),
                5 => (BinaryOperator.PRelu, (p, q) => p < 0 ? p * q : p),
                _ => (BinaryOperator.Remainder, (p, q) => p % q),
            };
            var kernel = Elementwise.Binary($"seed {seed}", function, ScalarType.Float32, a, b, y);
            KernelHarness.Near([.. left.Zip(right, reference)], harness.Run<float>(y, kernel), 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Many_short_runs_equal_the_reference(SimdLevel level)
    {
        foreach (var run in new[] { 1, 2, 17, 85 })
        {
            using var harness = new KernelHarness(level, run);
            int[] shape = [3, 19 * 85 / run, 11, run];
            TensorRef a = harness.Floats(3, shape), b = harness.Floats(0, shape), y = harness.Floats(run % 4, shape);
            float[] left = KernelHarness.Read<float>(a), right = KernelHarness.Read<float>(b);
            KernelHarness.Near([.. left.Zip(right, (p, q) => p - q)], harness.Run<float>(y,
                Elementwise.Binary("difference", BinaryOperator.Subtract, ScalarType.Float32, a, b, y)), 1e-6);
            KernelHarness.Near([.. left.Select(value => value / (1 + MathF.Exp(-value)))], harness.Run<float>(y,
                Elementwise.Unary("silu", UnaryOperator.Silu, a, y)), 1e-6);
        }
    }

    [Fact]
    public void Comparisons_choices_and_conversions_give_booleans_and_numbers()
    {
        using var harness = new KernelHarness(SimdSupport.Best, 3);
        long[] a = [1, -7, 3, 9], b = [1, 2, -3, 10];
        TensorRef left = harness.Of(a, 4), right = harness.Of(b, 4), mask = harness.Allocate(1, 4),
            y = harness.Allocate(8, 4);
        var less = Elementwise.Binary("less", BinaryOperator.Less, ScalarType.Int64, left, right, mask);
        Assert.Equal([0, 1, 0, 1], harness.Run<byte>(mask, less));
        KernelHarness.Write(mask, (byte[])[0, 1, 0, 1]);
        Assert.Equal([1L, -7, -3, 9], harness.Run<long>(y, Elementwise.Where("where", mask, left, right, y)));
        var modulo = Elementwise.Binary("mod", BinaryOperator.Modulo, ScalarType.Int64, left, right, y);
        Assert.Equal([0L, 1, 0, 9], harness.Run<long>(y, modulo));
        var floats = harness.Allocate(4, 4);
        var cast = Elementwise.Cast("cast", ScalarType.Int64, left, ScalarType.Float32, floats);
        Assert.Equal([1f, -7, 3, 9], harness.Run<float>(floats, cast));
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Images_of_three_planes_become_pixels_of_three_floats(SimdLevel level)
    {
        foreach (var (height, width) in new[] { (1, 1), (3, 5), (16, 16), (97, 201) })
        {
            using var harness = new KernelHarness(level, height);
            var x = harness.Floats(0, 2, 3, height, width);
            var y = harness.Floats(0, 2, height, width, 3).Permute(0, 3, 1, 2);
            Assert.Equal(KernelHarness.Read<float>(x), harness.Run<float>(y, Elementwise.Copy("pixels", x, y)));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Copies_and_scaled_shifts_take_any_strides(SimdLevel level)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            int[] shape = [2, harness.Random.Next(1, 9), harness.Random.Next(1, 90), harness.Random.Next(1, 40)];
            TensorRef x = harness.Shuffled(shape), y = harness.Shuffled(shape);
            var values = KernelHarness.Read<float>(x);
            Assert.Equal(values, harness.Run<float>(y, Elementwise.Copy($"seed {seed}", x, y)));
            TensorRef scale = harness.Floats(0, shape[3]), shift = harness.Floats(0, shape[1], 1, 1);
            float[] a = KernelHarness.Read<float>(scale.BroadcastTo(shape)),
                b = KernelHarness.Read<float>(shift.BroadcastTo(shape));
            var kernel = Elementwise.ScaleShift("s", x, scale, shift, y, Activation.Relu);
            KernelHarness.Near([.. values.Select((value, i) => Math.Max(0, value * a[i] + b[i]))],
                harness.Run<float>(y, kernel));
        }
    }
}
