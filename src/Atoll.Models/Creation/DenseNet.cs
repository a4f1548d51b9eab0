namespace Atoll.Models;

/// <summary>DenseNet-201 (Huang et al. 2016): growth 32, bottleneck 4, compression 1/2, as in torchvision.</summary>
internal static class DenseNet
{
    private const int BottleneckFactor = 4;

    private static readonly int[] Blocks = [6, 12, 48, 32];

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options);
        var growth = options.Scale(32);
        var x = net.Conv("features.conv0", net.Image(image), ConvShape.Square(options.Scale(64), 7, stride: 2, pad: 3));
        x = net.Relu("features.relu0", net.BatchNorm("features.norm0", x));
        x = net.MaxPool("features.pool0", x, kernel: 3, stride: 2, pad: 1);
        for (var block = 0; block < Blocks.Length; block++)
        {
            x = DenseBlock(net, $"features.denseblock{block + 1}", x, (Blocks[block], growth));
            if (block + 1 < Blocks.Length)
            {
                x = Transition(net, $"features.transition{block + 1}", x);
            }
        }

        net.PooledLogits(net.Relu("relu", net.BatchNorm("features.norm5", x)), "classifier");
    }

    private static Feature DenseBlock(ConvNetBuilder net, string name, Feature x, (int Layers, int Growth) shape)
    {
        List<Feature> features = [x];
        for (var i = 1; i <= shape.Layers; i++)
        {
            var layer = $"{name}.denselayer{i}";
            var y = features.Count == 1 ? x : net.Concat($"{layer}.concat", features);
            y = net.Relu($"{layer}.relu1", net.BatchNorm($"{layer}.norm1", y));
            y = net.Conv($"{layer}.conv1", y, ConvShape.Square(BottleneckFactor * shape.Growth, 1));
            y = net.Relu($"{layer}.relu2", net.BatchNorm($"{layer}.norm2", y));
            features.Add(net.Conv($"{layer}.conv2", y, ConvShape.Square(shape.Growth, 3, pad: 1)));
        }

        return net.Concat($"{name}.concat", features);
    }

    private static Feature Transition(ConvNetBuilder net, string name, Feature x)
    {
        var y = net.Relu($"{name}.relu", net.BatchNorm($"{name}.norm", x));
        y = net.Conv($"{name}.conv", y, ConvShape.Square(x.Channels / 2, 1));
        return net.AveragePool($"{name}.pool", y, kernel: 2, stride: 2);
    }
}
