namespace Atoll.Models;

/// <summary>
/// EfficientNet-B0 (Tan and Le 2019) as in torchvision: inverted residuals with SiLU and squeeze-and-excitation.
/// </summary>
internal static class EfficientNet
{
    // A gate of sigmoid(a small number) halves what it meets.
    private const float GateGain = 4;

    private static readonly (int Expansion, int Kernel, int Stride, int Channels, int Blocks)[] Stages =
    [
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    ];

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options) { Centring = 0.5f };
        var stem = ConvShape.Square(options.Scale(32), 3, stride: 2, pad: 1);
        var x = Layer(net, "features.0", net.Image(image), stem, gain: 1);
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var (expansion, kernel, stride, channels, blocks) = Stages[stage];
            var gain = MathF.Sqrt(0.5f / blocks);
            for (var block = 0; block < blocks; block++)
            {
                var hidden = x.Channels * expansion;
                var depthwise = ConvShape.Square(hidden, kernel, block == 0 ? stride : 1, kernel / 2) with
                {
                    Groups = hidden,
                };
                x = Block(net, $"features.{stage + 1}.{block}", x, depthwise, (options.Scale(channels), gain));
            }
        }

        x = Layer(net, "features.8", x, ConvShape.Square(options.Scale(1280), 1), gain: 1);
        net.PooledLogits(x, "classifier.1");
    }

    private static Feature Block(
        ConvNetBuilder net, string name, Feature x, ConvShape depthwise, (int Channels, float Gain) project)
    {
        var y = x;
        if (depthwise.Channels != x.Channels)
        {
            y = Layer(net, $"{name}.expand", x, ConvShape.Square(depthwise.Channels, 1), gain: 1);
        }

        y = Layer(net, $"{name}.depthwise", y, depthwise, net.SiluGain);
        y = SqueezeExcite(net, $"{name}.se", y, Math.Max(1, x.Channels / 4));
        y = net.Conv($"{name}.project", y, ConvShape.Square(project.Channels, 1), gain: GateGain * net.SiluGain);
        var adds = depthwise.Stride == 1 && project.Channels == x.Channels;
        y = net.BatchNorm($"{name}.project.bn", y, adds ? project.Gain : 1);
        return adds ? net.Add($"{name}.add", y, x) : y;
    }

    private static Feature SqueezeExcite(ConvNetBuilder net, string name, Feature x, int squeezed)
    {
        var gate = net.GlobalAverage($"{name}.avgpool", x);
        gate = net.Conv($"{name}.fc1", gate, ConvShape.Square(squeezed, 1), bias: true, gain: 1);
        gate = net.Silu($"{name}.activation", gate);
        gate = net.Conv($"{name}.fc2", gate, ConvShape.Square(x.Channels, 1), bias: true, gain: 1);
        return net.Multiply($"{name}.mul", net.Sigmoid($"{name}.scale", gate), x);
    }

    private static Feature Layer(ConvNetBuilder net, string name, Feature x, ConvShape shape, float gain) =>
        net.Silu($"{name}.silu", net.BatchNorm($"{name}.bn", net.Conv($"{name}.conv", x, shape, gain: gain)));
}
