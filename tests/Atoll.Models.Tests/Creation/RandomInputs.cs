using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>Seeded inputs for a sample model, made from its input descriptions.</summary>
internal static class RandomInputs
{
    private const int Tokens = 1000;
    private const int Types = 2;

    /// <summary>
    /// Float inputs are standard normal; int64 inputs are tokens, types of tokens, or a mask of a run of ones where the
    /// name says so.
    /// </summary>
    /// <param name="batch">Items where the model leaves their number open.</param>
    public static Dictionary<string, Tensor> For(ModelProto model, int seed, int batch = 1)
    {
        var random = new Random(seed);
        return model.Graph.Input.ToDictionary(i => i.Name, i =>
        {
            long[] shape = [.. i.Type.TensorType.Shape.Dim.Select(d => d.HasDimParam ? batch : d.DimValue)];
            var count = (int)shape.Aggregate(1L, (a, b) => a * b);
            return i.Type.TensorType.ElemType == (int)ElementType.Int64
                ? Tensor.Int64(shape, i.Name.Contains("mask") ? Mask(count, random)
                    : Draw(count, random, i.Name.Contains("type") ? Types : Tokens))
                : Tensor.Float(shape, Normal(count, random));
        });
    }

    /// <summary>The same inputs with every float multiplied by 1 plus or minus <paramref name="relative"/>.</summary>
    public static Dictionary<string, Tensor> Nudge(Dictionary<string, Tensor> inputs, float relative) =>
        inputs.ToDictionary(i => i.Key, i => i.Value.Type == ElementType.Float32 ? Nudge(i.Value, relative) : i.Value);

    private static Tensor Nudge(Tensor tensor, float relative)
    {
        var values = tensor.AsSpan<float>().ToArray();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] *= 1 + (i % 2 == 0 ? relative : -relative);
        }

        return Tensor.Float(tensor.Shape, values);
    }

    private static float[] Normal(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];

    private static long[] Draw(int count, Random random, int kinds) =>
        [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(kinds))];

    private static long[] Mask(int count, Random random)
    {
        var length = random.Next(count / 2, count + 1);
        return [.. Enumerable.Range(0, count).Select(i => i < length ? 1L : 0L)];
    }
}
