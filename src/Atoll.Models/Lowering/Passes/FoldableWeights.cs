namespace Atoll.Models;

/// <summary>
/// Rewrites the constant weights and bias of Conv, ConvTranspose, Gemm and MatMul nodes around an affine map.
/// </summary>
internal static class FoldableWeights
{
    /// <summary>A linear node with constant float weights, and a constant bias if any.</summary>
    public static bool IsFoldable(GraphNode node)
    {
        var isLinear = node.Is("Conv") || node.Is("ConvTranspose") || node.Is("Gemm") ||
            (node.Is("MatMul") && node.Outputs[0]?.Shape is { Length: 2 } && node.In(1)?.Shape is { Length: 2 });
        return isLinear && node.In(1).IsFloatConstant() && (node.In(2) is null || node.In(2).IsFloatConstant());
    }

    /// <summary>
    /// The node with affine(node(x)) as its meaning; a MatMul becomes a Gemm. Null where shapes do not fit.
    /// </summary>
    public static GraphNode? ScaleOutputs(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        var weights = node.In(1)!.Constant!;
        var axis = OutputAxis(node);
        var groups = node.Is("ConvTranspose") ? (int)node.Attributes.Int("group", 1) : 1;
        var (alpha, beta) = node.Is("Gemm") ? (node.Attributes.Float("alpha", 1), node.Attributes.Float("beta", 1))
            : (1f, 1f);
        if (weights.Shape[axis] * groups != affine.Scale.Length || Bias(node, affine.Scale.Length) is not { } bias)
        {
            return null;
        }

        var scaled = new float[weights.ElementCount];
        var inner = weights.Shape.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        var size = weights.Shape[axis];
        var perGroup = scaled.LongLength / groups;
        for (var i = 0L; i < scaled.LongLength; i++)
        {
            var channel = (i / perGroup * size) + (i / inner % size);
            scaled[i] = (float)(weights.AsSpan<float>()[(int)i] * affine.Scale[channel] * alpha);
        }

        var shift = affine.Shift.Select((s, c) => (float)(s + (affine.Scale[c] * bias[c] * beta))).ToArray();
        var folded = node.Is("MatMul")
            ? new GraphNode { Name = node.Name, Operator = "Gemm", Opset = 13, Outputs = [.. node.Outputs] }
            : node.Copy([]);
        folded.Inputs.AddRange([node.In(0), editor.AddConstant(node.Name, Tensor.Float(weights.Shape, scaled)),
            editor.AddConstant(node.Name, Tensor.Float([shift.Length], shift))]);
        if (node.Is("Gemm"))
        {
            folded.Attributes.Set("alpha", 1f);
            folded.Attributes.Set("beta", 1f);
        }

        return folded;
    }

    /// <summary>The convolution with conv(affine(x)) as its meaning; exact only without padding.</summary>
    public static GraphNode? ScaleInputs(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        var weights = node.In(1)!.Constant!;
        var (outputs, perGroup) = (weights.Shape[0], weights.Shape[1]);
        var groups = node.Attributes.Int("group", 1);
        if (perGroup * groups != affine.Scale.Length || outputs % groups != 0 ||
            Bias(node, (int)outputs) is not { } bias)
        {
            return null;
        }

        var scaled = new float[weights.ElementCount];
        var inner = scaled.LongLength / (outputs * perGroup);
        for (var i = 0L; i < scaled.LongLength; i++)
        {
            var output = i / (perGroup * inner);
            var channel = (output / (outputs / groups) * perGroup) + (i / inner % perGroup);
            double w = weights.AsSpan<float>()[(int)i];
            scaled[i] = (float)(w * affine.Scale[channel]);
            bias[output] += w * affine.Shift[channel];
        }

        return node.Copy([affine.Input, editor.AddConstant(node.Name, Tensor.Float(weights.Shape, scaled)),
            editor.AddConstant(node.Name, Tensor.Float([outputs], [.. bias.Select(b => (float)b)]))]);
    }

    private static int OutputAxis(GraphNode node) => node.Operator switch
    {
        "Conv" => 0,
        "Gemm" => node.Attributes.Int("transB") != 0 ? 0 : 1,
        _ => 1,
    };

    private static double[]? Bias(GraphNode node, int channels)
    {
        if (node.In(2)?.Constant is not { } bias)
        {
            return new double[channels];
        }

        var values = bias.AsSpan<float>().ToArray();
        var fits = bias.ElementCount == 1 || (bias.ElementCount == channels && bias.Shape[^1] == channels);
        return fits ? [.. Enumerable.Range(0, channels).Select(c => (double)values[values.Length == 1 ? 0 : c])] : null;
    }
}
