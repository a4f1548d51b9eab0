namespace Atoll.Models;

/// <summary>A feature map in a network that is being built.</summary>
internal readonly record struct Feature(string Value, int Channels);

/// <summary>A convolution's shape; padding is symmetric.</summary>
internal readonly record struct ConvShape(int Channels, int KernelH, int KernelW, int Stride, int PadH, int PadW)
{
    /// <summary>As many as channels for a depthwise convolution.</summary>
    public int Groups { get; init; } = 1;

    public static ConvShape Square(int channels, int kernel, int stride = 1, int pad = 0) =>
        new(channels, kernel, kernel, stride, pad, pad);
}

/// <summary>
/// Layers of the published convolutional networks with random weights. He scaling (variance gain / fan-in) keeps
/// activations at their scale through any depth. The gain is 2 for plain filters. Ours lack a share of their mean, so
/// that they pass the variance of ReLU activations, 1/2 - 1/(2 pi) of that of a normal x, but only the rest of their
/// squared mean, 1/(2 pi). Batch-norm statistics lie around mean 0, variance 1 and keep the scale too.
/// </summary>
internal sealed class ConvNetBuilder(OnnxModelBuilder model, SampleModelOptions options)
{
    public const int Classes = 1000;

    private readonly int _seed = options.Seed;

    public OnnxModelBuilder Model { get; } = model;

    /// <summary>
    /// Share of each filter's mean that is taken off: how fast different inputs grow apart, and rounding errors with
    /// them.
    /// </summary>
    public float Centring { get; init; } = 1;

    /// <summary>Variance of a weight times its fan-in before a ReLU.</summary>
    public float ReluGain => 1 / (0.5f - ((1 - ((1 - Centring) * (1 - Centring))) / (2 * MathF.PI)));

    /// <summary>
    /// The same before a SiLU, which passes 0.3558 of the variance of a normal x with a mean of 0.2066.
    /// </summary>
    public float SiluGain => 1 / (0.3558f - ((1 - ((1 - Centring) * (1 - Centring))) * 0.2066f * 0.2066f));

    /// <summary>Batch-norm epsilon; PyTorch's default.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    public Feature Image(int size) =>
        new(Model.Input("input", ElementType.Float32, options.Batch, 3, size, size), 3);

    /// <param name="gain">Variance of a weight times its fan-in; null for <see cref="ReluGain"/>.</param>
    public Feature Conv(string name, Feature x, ConvShape shape, bool bias = false, float? gain = null)
    {
        var inputs = x.Channels / shape.Groups;
        var fanIn = inputs * shape.KernelH * shape.KernelW;
        var deviation = MathF.Sqrt((gain ?? ReluGain) / fanIn);
        void Fill(WeightGenerator generator, Span<float> weights) =>
            generator.CentredRows(weights, fanIn, deviation, Centring);
        long[] dims = [shape.Channels, inputs, shape.KernelH, shape.KernelW];
        List<string> values = [x.Value, Model.Parameter(name + ".weight", dims, _seed, Fill)];
        if (bias)
        {
            values.Add(Model.Parameter(name + ".bias", [shape.Channels], _seed, (g, v) => g.Normal(v, 0, 0.05f)));
        }

        var value = Model.Node("Conv", name, values,
            OnnxAttribute.Ints("dilations", 1, 1), OnnxAttribute.Int("group", shape.Groups),
            OnnxAttribute.Ints("kernel_shape", shape.KernelH, shape.KernelW),
            OnnxAttribute.Ints("pads", shape.PadH, shape.PadW, shape.PadH, shape.PadW),
            OnnxAttribute.Ints("strides", shape.Stride, shape.Stride));
        return new(value, shape.Channels);
    }

    /// <param name="gain">Scale of the output; residual branches take less than 1 so that their sum does not
    /// grow.</param>
    public Feature BatchNorm(string name, Feature x, float gain = 1)
    {
        long[] dims = [x.Channels];
        var scale = Model.Parameter(name + ".weight", dims, _seed, (g, v) => g.Uniform(v, 0.9f * gain, 1.1f * gain));
        var bias = Model.Parameter(name + ".bias", dims, _seed, (g, v) => g.Normal(v, 0, 0.1f * gain));
        var mean = Model.Statistic(name + ".running_mean", dims, _seed, (g, v) => g.Normal(v, 0, 0.1f)).Name;
        var variance = Model.Statistic(name + ".running_var", dims, _seed, (g, v) => g.Uniform(v, 0.8f, 1.25f)).Name;
        var value = Model.Node("BatchNormalization", name, [x.Value, scale, bias, mean, variance],
            OnnxAttribute.Float("epsilon", Epsilon), OnnxAttribute.Float("momentum", 0.9f));
        return x with { Value = value };
    }

    public Feature Relu(string name, Feature x) => x with { Value = Model.Node("Relu", name, [x.Value]) };

    /// <summary>x limited to 0 to 6.</summary>
    public Feature Relu6(string name, Feature x)
    {
        string[] inputs = [x.Value, Model.Shared("zero", 0), Model.Shared("six", 6)];
        return x with { Value = Model.Node("Clip", name, inputs) };
    }

    public Feature Sigmoid(string name, Feature x) => x with { Value = Model.Node("Sigmoid", name, [x.Value]) };

    public Feature Multiply(string name, Feature x, Feature y) =>
        x with { Value = Model.Node("Mul", name, [x.Value, y.Value]) };

    /// <summary>x sigmoid(x), as two nodes.</summary>
    public Feature Silu(string name, Feature x) => Multiply($"{name}.mul", x, Sigmoid(name, x));

    public Feature GlobalAverage(string name, Feature x) =>
        x with { Value = Model.Node("GlobalAveragePool", name, [x.Value]) };

    public Feature Add(string name, Feature x, Feature y) =>
        x with { Value = Model.Node("Add", name, [x.Value, y.Value]) };

    public Feature Concat(string name, params IReadOnlyList<Feature> parts) =>
        new(
            Model.Node("Concat", name, parts.Select(p => p.Value), OnnxAttribute.Int("axis", 1)),
            parts.Sum(p => p.Channels));

    public Feature MaxPool(string name, Feature x, int kernel, int stride, int pad = 0,
        bool roundsUp = false) => x with
    {
        Value = Model.Node("MaxPool", name, [x.Value],
            OnnxAttribute.Int("ceil_mode", roundsUp ? 1 : 0), OnnxAttribute.Ints("kernel_shape", kernel, kernel),
            OnnxAttribute.Ints("pads", pad, pad, pad, pad), OnnxAttribute.Ints("strides", stride, stride)),
    };

    public Feature AveragePool(string name, Feature x, int kernel, int stride, int pad = 0) => x with
    {
        Value = Model.Node("AveragePool", name, [x.Value],
            OnnxAttribute.Int("ceil_mode", 0), OnnxAttribute.Int("count_include_pad", 1),
            OnnxAttribute.Ints("kernel_shape", kernel, kernel),
            OnnxAttribute.Ints("pads", pad, pad, pad, pad), OnnxAttribute.Ints("strides", stride, stride)),
    };

    public Feature Flatten(string name, Feature x, int spatial = 1) =>
        new(Model.Node("Flatten", name, [x.Value], OnnxAttribute.Int("axis", 1)), x.Channels * spatial);

    /// <summary>
    /// A fully connected layer; <paramref name="gain"/> is <see cref="ReluGain"/> before a ReLU, 1 for the last layer.
    /// </summary>
    public Feature Linear(string name, Feature x, int outputs, float gain, int? seed = null)
    {
        var deviation = MathF.Sqrt(gain / x.Channels);
        void Fill(WeightGenerator generator, Span<float> weights) =>
            generator.CentredRows(weights, x.Channels, deviation, Centring);
        var weight = Model.Parameter(name + ".weight", [outputs, x.Channels], seed ?? _seed, Fill);
        var bias = Model.Parameter(name + ".bias", [outputs], seed ?? _seed, (g, v) => g.Normal(v, 0, 0.05f));
        var value = Model.Node("Gemm", name, [x.Value, weight, bias],
            OnnxAttribute.Float("alpha", 1), OnnxAttribute.Float("beta", 1), OnnxAttribute.Int("transB", 1));
        return new(value, outputs);
    }

    /// <summary>
    /// Global average, flatten and the last linear layer, whose value is the output "logits" [batch, 1000].
    /// </summary>
    public void PooledLogits(Feature x, string classifier)
    {
        Linear(classifier, Flatten("flatten", GlobalAverage("avgpool", x)), Classes, gain: 1, options.HeadSeed);
        Logits();
    }

    public void Logits() => Model.OutputLast("logits", ElementType.Float32, options.Batch, Classes);
}
