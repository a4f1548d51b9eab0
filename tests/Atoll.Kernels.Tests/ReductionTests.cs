using Atoll.Devices;

namespace Atoll.Kernels.Tests;

public sealed class ReductionTests
{
    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    [Theory]
    [MemberData(nameof(Levels))]
    public void Reductions_over_random_axes_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 60; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            int[] shape = [harness.Random.Next(1, 4), harness.Random.Next(1, 20), harness.Random.Next(1, 40),
                harness.Random.Next(1, 30)];
            int[] axes = [.. Enumerable.Range(0, 4).Where(_ => harness.Random.Next(2) == 0)];
            var op = (ReductionOperator)(seed % 10);
            var x = harness.Shuffled(shape);
            int[] kept = [.. shape.Select((size, axis) => axes.Contains(axis) ? 1 : size)];
            var y = harness.Floats(0, kept);
            var values = KernelHarness.Read<float>(x);
            if (op == ReductionOperator.LogSum)
            {
                values = [.. values.Select(MathF.Abs)];
                KernelHarness.Write(x, values);
            }

            var expected = Reduce(values, shape, axes, op);
            var kernel = Reduction.Create($"seed {seed} {op}", op, ScalarType.Float32, x, axes, y);
            KernelHarness.Near(expected, harness.Run<float>(y, kernel), 1e-4);
        }
    }

    [Fact]
    public void The_index_of_the_largest_is_the_first_unless_the_last_is_wanted()
    {
        using var harness = new KernelHarness(SimdSupport.Best, 1);
        TensorRef x = harness.Of([1f, 5, 5, 2, 9, 0], 2, 3), y = harness.Allocate(8, 2);
        Assert.Equal([1L, 1], harness.Run<long>(y,
            Reduction.ArgExtreme("a", true, false, ScalarType.Float32, x, 1, y)));
        Assert.Equal([2L, 1], harness.Run<long>(y, Reduction.ArgExtreme("b", true, true, ScalarType.Float32, x, 1, y)));
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Softmax_equals_the_reference_along_any_axis(SimdLevel level)
    {
        for (var seed = 0; seed < 30; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            int[] shape = [harness.Random.Next(1, 5), harness.Random.Next(1, 70), harness.Random.Next(1, 70)];
            TensorRef x = harness.Shuffled(shape), y = seed % 2 == 0 ? harness.Shuffled(shape)
                : harness.Floats(1, shape);
            int axis = harness.Random.Next(3), other = (axis + 1) % 3, third = (axis + 2) % 3;
            var result = harness.Run<float>(y, Normalization.Softmax("s", x, axis, y, seed % 3 == 0));
            KernelHarness.Write(y, result);
            var rows = KernelHarness.Read<float>(x.Permute(other, third, axis)).Chunk(shape[axis]);
            var expected = rows.SelectMany(KernelReference.Softmax).Select(p =>
                seed % 3 == 0 ? MathF.Log(p) : p).ToArray();
            KernelHarness.Near(expected, KernelHarness.Read<float>(y.Permute(other, third, axis)));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Layer_and_group_normalization_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            int rows = harness.Random.Next(1, 40), n = harness.Random.Next(1, 200);
            TensorRef x = harness.Floats(seed % 2, rows, n), y = harness.Floats(seed % 3, rows, n);
            TensorRef scale = harness.Floats(0, n), shift = harness.Floats(0, n);
            float[] a = KernelHarness.Read<float>(scale), b = KernelHarness.Read<float>(shift);
            var expected = KernelHarness.Read<float>(x).Chunk(n)
                .SelectMany(row => Normalize(row).Select((value, i) => value * a[i] + b[i])).ToArray();
            KernelHarness.Near(expected, harness.Run<float>(y, Normalization.Layer("l", x, 1, scale, shift, y, 1e-3f)),
                1e-4);
            TensorRef x4 = harness.Shuffled(2, 3, 1, n), y4 = harness.Shuffled(2, 3, 1, n);
            expected = [.. KernelHarness.Read<float>(x4).Chunk(n)
                .SelectMany((row, i) => Normalize(row).Select(value => value * a[i % 3 % n] + b[i % 3 % n]))];
            if (n >= 3)
            {
                KernelHarness.Near(expected, harness.Run<float>(y4,
                    Normalization.Group("g", x4, scale.Slice(0, 0, 3), shift.Slice(0, 0, 3), y4, 1e-3f)), 1e-4);
            }
        }
    }

    [Fact]
    public void Gather_takes_negative_indices_and_refuses_those_outside()
    {
        using var harness = new KernelHarness(SimdSupport.Best, 1);
        var x = harness.Floats(0, 3, 4, 5);
        TensorRef indices = harness.Of([2L, -1, 0], 3), y = harness.Floats(0, 3, 3, 5);
        var values = KernelHarness.Read<float>(x);
        int[] picked = [2, 3, 0];
        float[] expected = [.. Enumerable.Range(0, 45).Select(i =>
            values[i / 15 * 20 + picked[i / 5 % 3] * 5 + i % 5])];
        Assert.Equal(expected, harness.Run<float>(y, Gather.Create("g", x, indices, 1, y)));
        KernelHarness.Write(indices, [2L, 4, 0]);
        var failure = Assert.Throws<InputValueException>(() =>
            harness.Run<float>(y, Gather.Create("g", x, indices, 1, y)));
        Assert.Contains("index 4", failure.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<float> Normalize(float[] row)
    {
        var mean = row.Average(value => (double)value);
        var variance = row.Average(value => (value - mean) * (value - mean));
        return row.Select(value => (float)((value - mean) / Math.Sqrt(variance + 1e-3)));
    }

    private static float[] Reduce(float[] values, int[] shape, int[] axes, ReductionOperator op)
    {
        var groups = new SortedDictionary<long, List<double>>();
        for (var i = 0; i < values.Length; i++)
        {
            long key = 0, rest = i, factor = 1;
            for (var axis = 3; axis >= 0; axis--)
            {
                key += axes.Contains(axis) ? 0 : rest % shape[axis] * factor;
                factor *= axes.Contains(axis) ? 1 : shape[axis];
                rest /= shape[axis];
            }

            groups.TryAdd(key, []);
            groups[key].Add(values[i]);
        }

        return [.. groups.Values.Select(group => (float)(op switch
        {
            ReductionOperator.Sum => group.Sum(),
            ReductionOperator.Mean => group.Average(),
            ReductionOperator.Maximum => group.Max(),
            ReductionOperator.Minimum => group.Min(),
            ReductionOperator.Product => group.Aggregate(1.0, (product, value) => product * value),
            ReductionOperator.SumOfSquares => group.Sum(value => value * value),
            ReductionOperator.L1 => group.Sum(Math.Abs),
            ReductionOperator.L2 => Math.Sqrt(group.Sum(value => value * value)),
            ReductionOperator.LogSum => Math.Log(group.Sum()),
            _ => Math.Log(group.Sum(Math.Exp)),
        }))];
    }
}
