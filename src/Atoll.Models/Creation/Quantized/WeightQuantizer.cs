namespace Atoll.Models;

/// <summary>Signed 8-bit weights with one scale for each index of an axis: the largest magnitude becomes 127.</summary>
internal sealed record WeightQuantizer(Tensor Values, float[] Scales)
{
    public static WeightQuantizer Of(Tensor weights, int axis)
    {
        var source = weights.AsSpan<float>();
        var count = (int)weights.Shape[axis];
        var inner = (int)weights.Shape[(axis + 1)..].Aggregate(1L, (a, b) => a * b);
        var scales = new float[count];
        for (var i = 0; i < source.Length; i++)
        {
            ref var scale = ref scales[i / inner % count];
            scale = Math.Max(scale, Math.Abs(source[i]) / 127);
        }

        var values = new byte[source.Length];
        for (var i = 0; i < source.Length; i++)
        {
            var scale = scales[i / inner % count];
            values[i] = scale == 0 ? (byte)0
                : (byte)(sbyte)Math.Clamp(MathF.Round(source[i] / scale), -127, 127);
        }

        return new WeightQuantizer(new Tensor(ElementType.Int8, weights.Shape, values),
            [.. scales.Select(s => s == 0 ? 1 : s)]);
    }
}
