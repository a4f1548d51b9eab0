namespace Atoll.Models;

/// <summary>MobileNetV2 (Sandler et al. 2018) as in torchvision: inverted residuals around depthwise filters.</summary>
internal static class MobileNet
{
    private static readonly (int Expansion, int Channels, int Blocks, int Stride)[] Stages =
    [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ];

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options) { Centring = 0.5f };
        var stem = ConvShape.Square(options.Scale(32), 3, stride: 2, pad: 1);
        var x = net.Conv("features.0.0", net.Image(image), stem, gain: 1);
        x = net.Relu6("features.0.2", net.BatchNorm("features.0.1", x));
        var index = 1;
        foreach (var (expansion, channels, blocks, stride) in Stages)
        {
            for (var block = 0; block < blocks; block++)
            {
                var shape = (x.Channels * expansion, options.Scale(channels), block == 0 ? stride : 1);
                var gain = MathF.Sqrt(0.5f / blocks);
                x = Block(net, $"features.{index++}", x, shape, gain);
            }
        }

        x = net.Conv("features.18.0", x, ConvShape.Square(options.Scale(1280), 1), gain: 1);
        x = net.Relu6("features.18.2", net.BatchNorm("features.18.1", x));
        net.PooledLogits(x, "classifier.1");
    }

    // The input is a sum without activation but for the first block's.
    private static Feature Block(ConvNetBuilder net, string name, Feature x,
        (int Hidden, int Channels, int Stride) shape, float gain)
    {
        var y = x;
        if (shape.Hidden != x.Channels)
        {
            y = net.Conv($"{name}.expand", x, ConvShape.Square(shape.Hidden, 1), gain: 1);
            y = net.Relu6($"{name}.expand.relu", net.BatchNorm($"{name}.expand.bn", y));
        }

        var depthwise = ConvShape.Square(shape.Hidden, 3, shape.Stride, pad: 1) with { Groups = shape.Hidden };
        y = net.Conv($"{name}.depthwise", y, depthwise);
        y = net.Relu6($"{name}.depthwise.relu", net.BatchNorm($"{name}.depthwise.bn", y));
        y = net.Conv($"{name}.project", y, ConvShape.Square(shape.Channels, 1));
        var adds = shape.Stride == 1 && shape.Channels == x.Channels;
        y = net.BatchNorm($"{name}.project.bn", y, adds ? gain : 1);
        return adds ? net.Add($"{name}.add", x, y) : y;
    }
}
