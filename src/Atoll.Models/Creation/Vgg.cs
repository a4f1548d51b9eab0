namespace Atoll.Models;

/// <summary>
/// VGG19 without batch norm (Simonyan and Zisserman 2014, configuration E, as in torchvision). At an image size other
/// than 224 the first classifier layer takes the last feature map as it is, channels * (size / 32)^2 values.
/// </summary>
internal static class Vgg
{
    private const int Pool = 0;

    private static readonly int[] Layers =
        [64, 64, Pool, 128, 128, Pool, 256, 256, 256, 256, Pool, 512, 512, 512, 512, Pool, 512, 512, 512, 512, Pool];

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options) { Centring = 0.5f };
        var x = net.Image(image);
        var index = 0;
        foreach (var channels in Layers)
        {
            if (channels == Pool)
            {
                x = net.MaxPool($"features.{index++}", x, kernel: 2, stride: 2);
                continue;
            }

            x = net.Conv($"features.{index++}", x, ConvShape.Square(options.Scale(channels), 3, pad: 1), bias: true);
            x = net.Relu($"features.{index++}", x);
        }

        var side = image / 32;
        x = net.Flatten("flatten", x, side * side);
        x = net.Relu("classifier.1", net.Linear("classifier.0", x, options.Scale(4096), net.ReluGain));
        x = net.Relu("classifier.4", net.Linear("classifier.3", x, options.Scale(4096), net.ReluGain));
        net.Linear("classifier.6", x, ConvNetBuilder.Classes, gain: 0.1f);
        net.Logits();
    }
}
