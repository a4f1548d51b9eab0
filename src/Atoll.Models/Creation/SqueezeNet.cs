namespace Atoll.Models;

/// <summary>SqueezeNet 1.1 (Iandola et al. 2016) as in torchvision: fire modules, no fully connected layer.</summary>
internal static class SqueezeNet
{
    private const int Pool = 0;

    private static readonly (int Squeeze, int Expand)[] Layers =
    [
        (16, 64), (16, 64), (Pool, 0), (32, 128), (32, 128), (Pool, 0), (48, 192), (48, 192), (64, 256), (64, 256),
    ];

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options);
        var stem = ConvShape.Square(options.Scale(64), 3, stride: 2);
        var x = net.Relu("features.1", net.Conv("features.0", net.Image(image), stem, bias: true));
        x = net.MaxPool("features.2", x, kernel: 3, stride: 2, roundsUp: true);
        for (var i = 0; i < Layers.Length; i++)
        {
            var name = $"features.{i + 3}";
            x = Layers[i].Squeeze == Pool
                ? net.MaxPool(name, x, kernel: 3, stride: 2, roundsUp: true)
                : Fire(net, name, x, (options.Scale(Layers[i].Squeeze), options.Scale(Layers[i].Expand)));
        }

        x = net.Conv("classifier.1", x, ConvShape.Square(ConvNetBuilder.Classes, 1), bias: true);
        net.Flatten("flatten", net.GlobalAverage("classifier.3", net.Relu("classifier.2", x)));
        net.Logits();
    }

    private static Feature Fire(ConvNetBuilder net, string name, Feature x, (int Squeeze, int Expand) shape)
    {
        x = net.Conv($"{name}.squeeze", x, ConvShape.Square(shape.Squeeze, 1), bias: true);
        x = net.Relu($"{name}.squeeze_activation", x);
        var one = net.Conv($"{name}.expand1x1", x, ConvShape.Square(shape.Expand, 1), bias: true);
        var three = net.Conv($"{name}.expand3x3", x, ConvShape.Square(shape.Expand, 3, pad: 1), bias: true);
        return net.Concat($"{name}.concat", net.Relu($"{name}.expand1x1_activation", one),
            net.Relu($"{name}.expand3x3_activation", three));
    }
}
