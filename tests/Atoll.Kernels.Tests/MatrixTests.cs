namespace Atoll.Kernels.Tests;

public sealed class MatrixTests
{
    public static TheoryData<SimdLevel> Levels => KernelHarness.Levels;

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_with_packed_matrices_equal_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int m = random.Next(3) == 0 ? 1 : random.Next(1, 90), k = random.Next(1, 900), n = random.Next(1, 150);
            float[] b = harness.Values((long)k * n), bias = random.Next(2) == 0 ? [] : harness.Values(n);
            var transposed = random.Next(2) == 0;
            var packed = harness.Own(PackedMatrix.Pack(transposed ? Transpose(b, k, n) : b, k, n, transposed, bias));
            var a = harness.Floats(random.Next(3), m, k);
            var y = harness.Floats(random.Next(3), m, n);
            var residual = random.Next(2) == 0 ? harness.Floats(random.Next(3), m, n) : null;
            var expected = KernelReference.Multiply(KernelHarness.Read<float>(a), b, m, k, n);
            var added = residual == null ? new float[m * n] : KernelHarness.Read<float>(residual);
            expected = [.. expected.Select((value, i) => value + added[i] + (bias.Length == 0 ? 0 : bias[i % n]))];
            var kernel = MatrixMultiply.Create($"seed {seed}", a, packed, y, new Epilogue(residual, Activation.None));
            KernelHarness.Near(expected, harness.Run<float>(y, kernel), 1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_of_dynamic_operands_broadcast_and_take_any_strides(SimdLevel level)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int m = random.Next(1, 60), k = random.Next(1, 300), n = random.Next(1, 80), batch = random.Next(1, 4);
            var a = harness.Shuffled(random.Next(2) == 0 ? 1 : batch, 2, m, k);
            var b = harness.Shuffled(random.Next(2) == 0 ? 1 : batch, random.Next(1, 3), k, n);
            var y = harness.Floats(random.Next(3), batch, 2, m, n);
            var left = KernelHarness.Read<float>(a.BroadcastTo(batch, 2, m, k));
            var right = KernelHarness.Read<float>(b.BroadcastTo(batch, 2, k, n));
            var expected = Enumerable.Range(0, batch * 2).SelectMany(i => KernelReference.Multiply(
                left[(i * m * k)..((i + 1) * m * k)], right[(i * k * n)..((i + 1) * k * n)], m, k, n)).ToArray();
            var kernel = MatrixMultiply.CreateBatched($"seed {seed}", a, b, y, 0.5f);
            KernelHarness.Near([.. expected.Select(value => value * 0.5f)], harness.Run<float>(y, kernel), 1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Attention_equals_the_reference(SimdLevel level)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            using var harness = new KernelHarness(level, seed);
            var random = harness.Random;
            int queries = random.Next(1, 100), keys = random.Next(1, 100), d = random.Next(1, 70),
                dv = random.Next(1, 70);
            // Heads lie beside each other, as a projection leaves them.
            var q = harness.Floats(0, 2, queries, 3, d).Permute(0, 2, 1, 3);
            var k = harness.Shuffled(2, 3, keys, d);
            var v = harness.Shuffled(2, 3, keys, dv);
            var y = harness.Floats(0, 2, queries, 3, dv).Permute(0, 2, 1, 3);
            var mask = random.Next(2) == 0 ? null : harness.Floats(0, 2, 1, 1, keys);
            var kernel = Attention.Create($"seed {seed}", q, k, v, mask, 0.3f, y);
            var added = mask == null ? new float[2 * 3 * queries * keys]
                : KernelHarness.Read<float>(mask.BroadcastTo(2, 3, queries, keys));
            var expected = new List<float>();
            for (var head = 0; head < 6; head++)
            {
                var scores = KernelReference.Multiply(Part(q, head), Part(k.Permute(0, 1, 3, 2), head), queries, d,
                    keys);
                scores = [.. scores.Select((value, i) => value * 0.3f + added[head * queries * keys + i])];
                var weights = scores.Chunk(keys).SelectMany(KernelReference.Softmax).ToArray();
                expected.AddRange(KernelReference.Multiply(weights, Part(v, head), queries, keys, dv));
            }

            KernelHarness.Near([.. expected], harness.Run<float>(y, kernel), 1e-4);
        }
    }

    private static float[] Part(TensorRef view, int head)
    {
        var values = KernelHarness.Read<float>(view);
        var size = values.Length / 6;
        return values[(head * size)..((head + 1) * size)];
    }

    private static float[] Transpose(float[] b, int k, int n) =>
        [.. Enumerable.Range(0, k * n).Select(i => b[i % k * n + i / k])];
}
