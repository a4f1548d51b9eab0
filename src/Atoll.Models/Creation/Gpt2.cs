namespace Atoll.Models;

/// <summary>
/// GPT-2 small (Radford et al. 2019) reading a prompt: 12 pre-norm layers, hidden 768, vocabulary 50257, causal mask,
/// the output layer tied to the token embedding. Input input_ids int64 [batch, sequence]; output logits
/// [batch, 50257] of the token after the last one. Keys and values are not handed out.
/// </summary>
internal static class Gpt2
{
    private const int Vocabulary = 50257;
    private const int Positions = 1024;
    private const int Layers = 12;
    private const float Epsilon = 1e-5f;

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int sequence)
    {
        var net = new TransformerBuilder(model, options, Epsilon);
        var ids = model.Input("input_ids", ElementType.Int64, options.Batch, sequence);
        var tokens = net.Weight("wte.weight", [Vocabulary, net.Hidden], deviation: 0.05f);
        var positions = net.Weight("wpe.weight", [Positions, net.Hidden], deviation: 0.05f);
        long[] places = [.. Enumerable.Range(0, sequence)];
        var place = model.Constant("position_ids", Tensor.Int64([1, sequence], places));
        var mask = model.Constant("causal_mask", CausalMask(sequence));
        var x = net.Add("embeddings", net.Embedding("wte", (tokens, ids)), net.Embedding("wpe", (positions, place)));
        for (var layer = 0; layer < Layers; layer++)
        {
            x = Layer(net, $"h.{layer}", x, mask);
        }

        var last = net.Token("last", net.Norm("ln_f", x), -1);
        model.Node("Gemm", "lm_head", [last, tokens], OnnxAttribute.Int("transB", 1));
        model.OutputLast("logits", ElementType.Float32, options.Batch, Vocabulary);
    }

    private static string Layer(TransformerBuilder net, string name, string x, string mask)
    {
        var attended = net.MergedAttention($"{name}.attn", net.Norm($"{name}.ln_1", x), mask);
        x = net.Add($"{name}.add1", x, attended);
        var narrow = net.FeedForward($"{name}.mlp.c_fc", $"{name}.mlp.c_proj", net.Norm($"{name}.ln_2", x),
            v => net.GeluTanh($"{name}.mlp.act", v));
        return net.Add($"{name}.add2", x, narrow);
    }

    private static Tensor CausalMask(int sequence)
    {
        var mask = new float[sequence * sequence];
        for (var row = 0; row < sequence; row++)
        {
            mask.AsSpan((row * sequence) + row + 1, sequence - row - 1).Fill(float.MinValue);
        }

        return Tensor.Float([1, 1, sequence, sequence], mask);
    }
}
