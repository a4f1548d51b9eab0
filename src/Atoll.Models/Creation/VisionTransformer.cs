namespace Atoll.Models;

/// <summary>
/// ViT-B/16 (Dosovitskiy et al. 2020) as in torchvision: patches of 16 x 16, a class token, 12 pre-norm layers with
/// merged projections. Input [batch, 3, side, side], output logits [batch, 1000].
/// </summary>
internal static class VisionTransformer
{
    private const int Patch = 16;
    private const int Layers = 12;
    private const float Epsilon = 1e-6f;

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new TransformerBuilder(model, options, Epsilon);
        var x = Embed(model, net, options, image / Patch * (image / Patch), image);
        for (var layer = 0; layer < Layers; layer++)
        {
            x = Layer(net, $"encoder.layers.{layer}", x);
        }

        var token = net.Token("class_token", net.Norm("encoder.ln", x), 0);
        net.RowLinear("heads.head", token, ConvNetBuilder.Classes);
        model.OutputLast("logits", ElementType.Float32, options.Batch, ConvNetBuilder.Classes);
    }

    private static string Embed(
        OnnxModelBuilder model, TransformerBuilder net, SampleModelOptions options, int patches, int image)
    {
        var conv = new ConvNetBuilder(model, options);
        var shape = ConvShape.Square(net.Hidden, Patch, Patch);
        var grid = conv.Conv("conv_proj", conv.Image(image), shape, bias: true, gain: 1).Value;
        var line = model.Constant("patches", Tensor.Int64([3], [0, net.Hidden, patches]));
        var flat = model.Node("Reshape", "conv_proj.flat", [grid, line]);
        var rows = model.Node("Transpose", "conv_proj.turn", [flat], OnnxAttribute.Ints("perm", 0, 2, 1));
        var token = net.Weight("class_token", [1, 1, net.Hidden], deviation: 0.5f);
        var tokens = model.Node("Expand", "class_token.expand", [token, TokenShape(model, net, rows)]);
        var joined = model.Node("Concat", "class_token.concat", [tokens, rows], OnnxAttribute.Int("axis", 1));
        var positions = net.Weight("encoder.pos_embedding", [1, patches + 1, net.Hidden], deviation: 0.5f);
        return net.Add("encoder.add", joined, positions);
    }

    // [batch, 1, hidden], the batch as the rows have it.
    private static string TokenShape(OnnxModelBuilder model, TransformerBuilder net, string rows)
    {
        var first = model.Constant("first", Tensor.Int64([1], [0]));
        var batch = model.Node("Gather", "batch", [model.Node("Shape", "rows.shape", [rows]), first]);
        var rest = model.Constant("token_shape", Tensor.Int64([2], [1, net.Hidden]));
        return model.Node("Concat", "class_token.shape", [batch, rest], OnnxAttribute.Int("axis", 0));
    }

    private static string Layer(TransformerBuilder net, string name, string x)
    {
        var attended = net.MergedAttention($"{name}.self_attention", net.Norm($"{name}.ln_1", x), null);
        x = net.Add($"{name}.add1", attended, x);
        var narrow = net.FeedForward($"{name}.mlp.0", $"{name}.mlp.3", net.Norm($"{name}.ln_2", x),
            v => net.Gelu($"{name}.mlp.1", v));
        return net.Add($"{name}.add2", x, narrow);
    }
}
