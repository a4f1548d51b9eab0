namespace Atoll.Models;

/// <summary>
/// y = scale[c] x + shift[c] along dimension 1: what a batch normalization at inference is, and what multiplying,
/// adding, subtracting or dividing by a per-channel constant is.
/// </summary>
internal sealed record ChannelAffine(GraphValue Input, double[] Scale, double[] Shift)
{
    /// <summary>Reads the node as an affine map of its input; null where it is none.</summary>
    public static ChannelAffine? Of(GraphNode node) => node.Operator switch
    {
        _ when node.IsFused("ScaleShift") => OfScaleShift(node),
        _ when node.Domain.Length != 0 => null,
        "BatchNormalization" => OfBatchNormalization(node),
        "Mul" => OfBinary(node, (_, c) => (c, 0)),
        "Add" => OfBinary(node, (_, c) => (1, c)),
        "Sub" => OfBinary(node, (constantIsFirst, c) => constantIsFirst ? (-1, c) : (1, -c)),
        "Div" => OfBinary(node, (constantIsFirst, c) => constantIsFirst ? null : (1 / c, 0)),
        _ => null,
    };

    /// <summary>This map after another one.</summary>
    public ChannelAffine After(ChannelAffine first) => new(
        first.Input,
        [.. Scale.Zip(first.Scale, (a, b) => a * b)],
        [.. Scale.Zip(first.Shift, (a, b) => a * b).Zip(Shift, (a, b) => a + b)]);

    private static ChannelAffine? OfScaleShift(GraphNode node) =>
        node.Attributes.Has(FusedActivation.KindName) ? null
            : new(node.In(0)!, Values(node.In(1)!), Values(node.In(2)!));

    private static ChannelAffine? OfBatchNormalization(GraphNode node)
    {
        if (node.Inputs is not [{ } x, { } scale, { } shift, { } mean, { } variance] ||
            node.Attributes.Int("training_mode") != 0 ||
            node.Inputs.Skip(1).Any(v => !v.IsFloatConstant()))
        {
            return null;
        }

        double epsilon = node.Attributes.Float("epsilon", 1e-5f);
        var factor = Values(scale).Zip(Values(variance), (s, v) => s / Math.Sqrt(v + epsilon)).ToArray();
        var offset = Values(shift).Zip(Values(mean).Zip(factor, (m, f) => m * f), (s, mf) => s - mf).ToArray();
        return new ChannelAffine(x, factor, offset);
    }

    private static ChannelAffine? OfBinary(GraphNode node, Func<bool, double, (double, double)?> map)
    {
        if (node.HasOldAlignment() || !node.TrySplit(v => v.IsFloatConstant(), out var constant, out var x) ||
            x.IsConstant ||
            x.Shape is not { Length: >= 2 } shape || shape[1] < 1 || !IsPerChannel(constant.Constant!.Shape, shape))
        {
            return null;
        }

        var constantIsFirst = ReferenceEquals(node.In(0), constant);
        var values = Values(constant);
        var (scale, shift) = (new double[shape[1]], new double[shape[1]]);
        for (var c = 0; c < scale.Length; c++)
        {
            if (map(constantIsFirst, values[values.Length == 1 ? 0 : c]) is not { } pair ||
                !double.IsFinite(pair.Item1))
            {
                return null;
            }

            (scale[c], shift[c]) = pair;
        }

        return new ChannelAffine(x, scale, shift);
    }

    private static bool IsPerChannel(long[] constant, long[] shape)
    {
        if (constant.Length > shape.Length)
        {
            return false;
        }

        var lead = shape.Length - constant.Length;
        for (var i = 0; i < constant.Length; i++)
        {
            if (constant[i] != 1 && (lead + i != 1 || constant[i] != shape[1]))
            {
                return false;
            }
        }

        return true;
    }

    private static double[] Values(GraphValue value) =>
        [.. value.Constant!.AsSpan<float>().ToArray().Select(v => (double)v)];
}
