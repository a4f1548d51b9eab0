namespace Atoll.Models;

/// <summary>
/// Inception-v3 (Szegedy et al. 2015) as in torchvision, without the auxiliary classifier that only training uses.
/// Every convolution is followed by batch norm (epsilon 0.001) and ReLU.
/// </summary>
internal sealed class Inception(ConvNetBuilder net, SampleModelOptions options)
{
    private const float Epsilon = 1e-3f;

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options) { Epsilon = Epsilon, Centring = 0.8f };
        var inception = new Inception(net, options);
        net.PooledLogits(inception.Blocks(inception.Stem(net.Image(image))), "fc");
    }

    private Feature Stem(Feature x)
    {
        x = Square("Conv2d_1a_3x3", x, 32, 3, stride: 2);
        x = Square("Conv2d_2a_3x3", x, 32, 3);
        x = Square("Conv2d_2b_3x3", x, 64, 3, pad: 1);
        x = net.MaxPool("maxpool1", x, kernel: 3, stride: 2);
        x = Square("Conv2d_3b_1x1", x, 80, 1);
        x = Square("Conv2d_4a_3x3", x, 192, 3);
        return net.MaxPool("maxpool2", x, kernel: 3, stride: 2);
    }

    private Feature Blocks(Feature x)
    {
        x = BlockA("Mixed_5b", x, poolChannels: 32);
        x = BlockA("Mixed_5c", x, poolChannels: 64);
        x = BlockA("Mixed_5d", x, poolChannels: 64);
        x = ReduceA("Mixed_6a", x);
        x = BlockC("Mixed_6b", x, middle: 128);
        x = BlockC("Mixed_6c", x, middle: 160);
        x = BlockC("Mixed_6d", x, middle: 160);
        x = BlockC("Mixed_6e", x, middle: 192);
        x = ReduceB("Mixed_7a", x);
        x = BlockE("Mixed_7b", x);
        return BlockE("Mixed_7c", x);
    }

    private Feature BlockA(string name, Feature x, int poolChannels)
    {
        var narrow = Square($"{name}.branch1x1", x, 64, 1);
        var five = Square($"{name}.branch5x5_1", x, 48, 1);
        five = Square($"{name}.branch5x5_2", five, 64, 5, pad: 2);
        var three = Square($"{name}.branch3x3dbl_1", x, 64, 1);
        three = Square($"{name}.branch3x3dbl_2", three, 96, 3, pad: 1);
        three = Square($"{name}.branch3x3dbl_3", three, 96, 3, pad: 1);
        return net.Concat($"{name}.concat", narrow, five, three, PoolBranch(name, x, poolChannels));
    }

    private Feature ReduceA(string name, Feature x)
    {
        var three = Square($"{name}.branch3x3", x, 384, 3, stride: 2);
        var twice = Square($"{name}.branch3x3dbl_1", x, 64, 1);
        twice = Square($"{name}.branch3x3dbl_2", twice, 96, 3, pad: 1);
        twice = Square($"{name}.branch3x3dbl_3", twice, 96, 3, stride: 2);
        return net.Concat($"{name}.concat", three, twice, net.MaxPool($"{name}.branch_pool", x, kernel: 3, stride: 2));
    }

    private Feature BlockC(string name, Feature x, int middle)
    {
        var narrow = Square($"{name}.branch1x1", x, 192, 1);
        var seven = Square($"{name}.branch7x7_1", x, middle, 1);
        seven = Row($"{name}.branch7x7_2", seven, middle, 7);
        seven = Column($"{name}.branch7x7_3", seven, 192, 7);
        var twice = Square($"{name}.branch7x7dbl_1", x, middle, 1);
        twice = Column($"{name}.branch7x7dbl_2", twice, middle, 7);
        twice = Row($"{name}.branch7x7dbl_3", twice, middle, 7);
        twice = Column($"{name}.branch7x7dbl_4", twice, middle, 7);
        twice = Row($"{name}.branch7x7dbl_5", twice, 192, 7);
        return net.Concat($"{name}.concat", narrow, seven, twice, PoolBranch(name, x, 192));
    }

    private Feature ReduceB(string name, Feature x)
    {
        var three = Square($"{name}.branch3x3_1", x, 192, 1);
        three = Square($"{name}.branch3x3_2", three, 320, 3, stride: 2);
        var seven = Square($"{name}.branch7x7x3_1", x, 192, 1);
        seven = Row($"{name}.branch7x7x3_2", seven, 192, 7);
        seven = Column($"{name}.branch7x7x3_3", seven, 192, 7);
        seven = Square($"{name}.branch7x7x3_4", seven, 192, 3, stride: 2);
        return net.Concat($"{name}.concat", three, seven, net.MaxPool($"{name}.branch_pool", x, kernel: 3, stride: 2));
    }

    private Feature BlockE(string name, Feature x)
    {
        var narrow = Square($"{name}.branch1x1", x, 320, 1);
        var three = Square($"{name}.branch3x3_1", x, 384, 1);
        three = Split($"{name}.branch3x3", three, "2", 384);
        var twice = Square($"{name}.branch3x3dbl_1", x, 448, 1);
        twice = Square($"{name}.branch3x3dbl_2", twice, 384, 3, pad: 1);
        twice = Split($"{name}.branch3x3dbl", twice, "3", 384);
        return net.Concat($"{name}.concat", narrow, three, twice, PoolBranch(name, x, 192));
    }

    private Feature Split(string branch, Feature x, string step, int channels) => net.Concat(
        $"{branch}_{step}.concat",
        Row($"{branch}_{step}a", x, channels, 3),
        Column($"{branch}_{step}b", x, channels, 3));

    private Feature PoolBranch(string name, Feature x, int channels)
    {
        var pooled = net.AveragePool($"{name}.branch_pool.average", x, kernel: 3, stride: 1, pad: 1);
        return Square($"{name}.branch_pool", pooled, channels, 1);
    }

    private Feature Square(string name, Feature x, int channels, int kernel, int stride = 1, int pad = 0) =>
        Unit(name, x, ConvShape.Square(options.Scale(channels), kernel, stride, pad));

    private Feature Row(string name, Feature x, int channels, int length) =>
        Unit(name, x, new ConvShape(options.Scale(channels), 1, length, 1, 0, length / 2));

    private Feature Column(string name, Feature x, int channels, int length) =>
        Unit(name, x, new ConvShape(options.Scale(channels), length, 1, 1, length / 2, 0));

    private Feature Unit(string name, Feature x, ConvShape shape) =>
        net.Relu($"{name}.relu", net.BatchNorm($"{name}.bn", net.Conv($"{name}.conv", x, shape)));
}
