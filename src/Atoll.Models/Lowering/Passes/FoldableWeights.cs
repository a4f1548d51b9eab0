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

        var inner = weights.Shape.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        var size = weights.Shape[axis];
        var runsPerGroup = weights.ElementCount / inner / groups;
        var scaled = new ScaledFloats(weights, inner,
            run => affine.Scale[(run / runsPerGroup * size) + (run % size)], alpha);
        var shift = affine.Shift.Select((s, c) => (float)(s + (affine.Scale[c] * bias[c] * beta))).ToArray();
        var folded = node.Is("MatMul")
            ? new GraphNode { Name = node.Name, Operator = "Gemm", Opset = 13, Outputs = [.. node.Outputs] }
            : node.Copy([]);
        folded.Inputs.AddRange([node.In(0), editor.AddConstant(node.Name, Scaled(weights, scaled)),
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

        var inner = weights.ElementCount / (outputs * perGroup);
        long ChannelOf(long run) => (run / perGroup / (outputs / groups) * perGroup) + (run % perGroup);
        AddShifts(bias, weights, inner, run => affine.Shift[ChannelOf(run)]);
        var scaled = new ScaledFloats(weights, inner, run => affine.Scale[ChannelOf(run)], 1);
        return node.Copy([affine.Input, editor.AddConstant(node.Name, Scaled(weights, scaled)),
            editor.AddConstant(node.Name, Tensor.Float([outputs], [.. bias.Select(b => (float)b)]))]);
    }

    /// <summary>Large weights are scaled when they are packed, small ones at once.</summary>
    private static Tensor Scaled(Tensor weights, ScaledFloats scaled)
    {
        if (!weights.IsInMemory)
        {
            return new Tensor(ElementType.Float32, weights.Shape, scaled);
        }

        var data = new byte[weights.ByteCount];
        scaled.Read(0, data);
        return new Tensor(ElementType.Float32, weights.Shape, data);
    }

    private static void AddShifts(double[] bias, Tensor weights, long inner, Func<long, double> shiftOf)
    {
        using var source = new TensorFloats(weights);
        var perOutput = checked((int)(weights.ElementCount / bias.Length));
        for (var output = 0; output < bias.Length; output++)
        {
            var filter = source.Read((long)output * perOutput, perOutput);
            for (var i = 0; i < perOutput; i++)
            {
                bias[output] += filter[i] * shiftOf((((long)output * perOutput) + i) / inner);
            }
        }
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
