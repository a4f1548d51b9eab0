namespace Atoll.Models;

/// <summary>
/// ResNet-50 and ResNet-152 v1.5 (He et al. 2015; the stride sits on the 3x3 convolution, as in torchvision).
/// </summary>
internal static class ResNet
{
    private const int Expansion = 4;

    public static void Build50(OnnxModelBuilder model, SampleModelOptions options, int image) =>
        Build(model, options, image, [3, 4, 6, 3]);

    public static void Build152(OnnxModelBuilder model, SampleModelOptions options, int image) =>
        Build(model, options, image, [3, 8, 36, 3]);

    private static void Build(OnnxModelBuilder model, SampleModelOptions options, int image, int[] blocks)
    {
        var net = new ConvNetBuilder(model, options);
        var x = net.Conv("conv1", net.Image(image), ConvShape.Square(options.Scale(64), 7, stride: 2, pad: 3));
        x = net.MaxPool("maxpool", net.Relu("relu", net.BatchNorm("bn1", x)), kernel: 3, stride: 2, pad: 1);
        for (var stage = 0; stage < blocks.Length; stage++)
        {
            var planes = options.Scale(64 << stage);

            // Each branch adds some multiple of its squared gain to the variance, so a whole stage grows it by a
            // fixed factor however many blocks it has.
            var gain = MathF.Sqrt(0.5f / blocks[stage]);
            for (var block = 0; block < blocks[stage]; block++)
            {
                var stride = stage > 0 && block == 0 ? 2 : 1;
                x = Bottleneck(net, $"layer{stage + 1}.{block}", x, (planes, stride, gain), project: block == 0);
            }
        }

        net.PooledLogits(x, "fc");
    }

    private static Feature Bottleneck(
        ConvNetBuilder net, string name, Feature x, (int Planes, int Stride, float Gain) shape, bool project)
    {
        var y = net.Conv($"{name}.conv1", x, ConvShape.Square(shape.Planes, 1));
        y = net.Relu($"{name}.relu1", net.BatchNorm($"{name}.bn1", y));
        y = net.Conv($"{name}.conv2", y, ConvShape.Square(shape.Planes, 3, shape.Stride, pad: 1));
        y = net.Relu($"{name}.relu2", net.BatchNorm($"{name}.bn2", y));
        y = net.Conv($"{name}.conv3", y, ConvShape.Square(shape.Planes * Expansion, 1));
        y = net.BatchNorm($"{name}.bn3", y, shape.Gain);
        if (project)
        {
            x = net.Conv($"{name}.downsample.0", x, ConvShape.Square(shape.Planes * Expansion, 1, shape.Stride));
            x = net.BatchNorm($"{name}.downsample.1", x);
        }

        return net.Relu($"{name}.relu3", net.Add($"{name}.add", y, x));
    }
}
