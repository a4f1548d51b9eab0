namespace Atoll.Models;

/// <summary>
/// DistilBERT base (Sanh et al. 2019): 6 post-norm transformer layers, hidden 768, 12 heads of 64, feed-forward 3072,
/// vocabulary 30522, sequence 128, laid out like a PyTorch export at opset 17 (projections as MatMul and Add, GELU by
/// Erf, the mask added to the scores). Inputs are input_ids and attention_mask, int64 [batch, 128]; the output is
/// last_hidden_state [batch, 128, hidden], without a head. Width scales the number of heads; a head keeps its 64
/// values.
/// </summary>
internal sealed class DistilBert
{
    public const int Sequence = 128;

    private const int Vocabulary = 30522;
    private const int Positions = 512;
    private const int Layers = 6;
    private const int HeadSize = 64;
    private const float Epsilon = 1e-12f;

    private readonly OnnxModelBuilder _model;
    private readonly SampleModelOptions _options;
    private readonly int _heads;
    private readonly int _hidden;

    private DistilBert(OnnxModelBuilder model, SampleModelOptions options)
    {
        _model = model;
        _options = options;
        _heads = Math.Max(1, (int)Math.Round(12 * options.Width, MidpointRounding.AwayFromZero));
        _hidden = _heads * HeadSize;
    }

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int sequence)
    {
        var bert = new DistilBert(model, options);
        var ids = model.Input("input_ids", ElementType.Int64, options.Batch, sequence);
        var mask = model.Input("attention_mask", ElementType.Int64, options.Batch, sequence);
        bert.AddConstants();
        var bias = bert.MaskBias(mask);
        var x = bert.Embed(ids, sequence);
        for (var layer = 0; layer < Layers; layer++)
        {
            x = bert.Layer($"transformer.layer.{layer}", x, bias);
        }

        model.OutputLast("last_hidden_state", ElementType.Float32, options.Batch, sequence, bert._hidden);
    }

    private void AddConstants()
    {
        _model.Constant("one", Tensor.Float([], [1f]));
        _model.Constant("half", Tensor.Float([], [0.5f]));
        _model.Constant("sqrt_two", Tensor.Float([], [MathF.Sqrt(2)]));
        _model.Constant("sqrt_head", Tensor.Float([], [MathF.Sqrt(HeadSize)]));
        _model.Constant("lowest", Tensor.Float([], [float.MinValue]));
        _model.Constant("mask_axes", Tensor.Int64([2], [1, 2]));
        _model.Constant("split_heads", Tensor.Int64([4], [_options.Batch, -1, _heads, HeadSize]));
        _model.Constant("join_heads", Tensor.Int64([3], [_options.Batch, -1, _hidden]));
    }

    /// <summary>
    /// 0 where the mask is 1 and the lowest float where it is 0, shaped to broadcast over (batch, heads, query, key).
    /// </summary>
    private string MaskBias(string mask)
    {
        var wide = _model.Node("Unsqueeze", "mask.unsqueeze", [mask, "mask_axes"]);
        var number = _model.Node("Cast", "mask.cast", [wide], OnnxAttribute.Int("to", (long)ElementType.Float32));
        var hidden = _model.Node("Sub", "mask.sub", ["one", number]);
        return _model.Node("Mul", "mask.mul", [hidden, "lowest"]);
    }

    private string Embed(string ids, int sequence)
    {
        var words = Weight("embeddings.word_embeddings.weight", Vocabulary, _hidden, deviation: 0.05f);
        var positions = Weight("embeddings.position_embeddings.weight", Positions, _hidden, deviation: 0.05f);
        long[] places = [.. Enumerable.Range(0, sequence)];
        var place = _model.Constant("position_ids", Tensor.Int64([1, sequence], places));
        var word = _model.Node("Gather", "embeddings.word_embeddings", [words, ids], OnnxAttribute.Int("axis", 0));
        var position = _model.Node(
            "Gather", "embeddings.position_embeddings", [positions, place], OnnxAttribute.Int("axis", 0));
        return Norm("embeddings.LayerNorm", _model.Node("Add", "embeddings.add", [word, position]));
    }

    private string Layer(string name, string x, string maskBias)
    {
        var attended = Attention($"{name}.attention", x, maskBias);
        x = Norm($"{name}.sa_layer_norm", _model.Node("Add", $"{name}.add1", [attended, x]));
        var wide = Linear($"{name}.ffn.lin1", x, (_hidden, 4 * _hidden), gain: 1);
        var narrow = Linear($"{name}.ffn.lin2", Gelu($"{name}.ffn.gelu", wide), (4 * _hidden, _hidden), gain: 2);
        return Norm($"{name}.output_layer_norm", _model.Node("Add", $"{name}.add2", [narrow, x]));
    }

    private string Attention(string name, string x, string maskBias)
    {
        var query = Heads($"{name}.q_lin", x, 0, 2, 1, 3);
        var key = Heads($"{name}.k_lin", x, 0, 2, 3, 1);
        var value = Heads($"{name}.v_lin", x, 0, 2, 1, 3);
        var scaled = _model.Node("Div", $"{name}.scale", [query, "sqrt_head"]);
        var scores = _model.Node("MatMul", $"{name}.scores", [scaled, key]);
        var masked = _model.Node("Add", $"{name}.mask", [scores, maskBias]);
        var shares = _model.Node("Softmax", $"{name}.softmax", [masked], OnnxAttribute.Int("axis", -1));
        var context = _model.Node("MatMul", $"{name}.context", [shares, value]);
        var turned = _model.Node("Transpose", $"{name}.turn", [context], OnnxAttribute.Ints("perm", 0, 2, 1, 3));
        var joined = _model.Node("Reshape", $"{name}.join", [turned, "join_heads"]);
        return Linear($"{name}.out_lin", joined, (_hidden, _hidden), gain: 1);
    }

    private string Heads(string name, string x, params long[] permutation)
    {
        var projected = Linear(name, x, (_hidden, _hidden), gain: 1);
        var split = _model.Node("Reshape", $"{name}.split", [projected, "split_heads"]);
        return _model.Node("Transpose", $"{name}.turn", [split], OnnxAttribute.Ints("perm", permutation));
    }

    /// <summary>x * 0.5 * (1 + erf(x / sqrt 2)), in the order of PyTorch's export.</summary>
    private string Gelu(string name, string x)
    {
        var scaled = _model.Node("Div", $"{name}.div", [x, "sqrt_two"]);
        var error = _model.Node("Erf", $"{name}.erf", [scaled]);
        var shifted = _model.Node("Add", $"{name}.add", [error, "one"]);
        var product = _model.Node("Mul", $"{name}.mul1", [x, shifted]);
        return _model.Node("Mul", $"{name}.mul2", [product, "half"]);
    }

    private string Linear(string name, string x, (int Inputs, int Outputs) shape, float gain)
    {
        var weight = Weight($"{name}.weight", shape.Inputs, shape.Outputs, MathF.Sqrt(gain / shape.Inputs));
        var bias = _model.Parameter($"{name}.bias", [shape.Outputs], _options.Seed, (g, v) => g.Normal(v, 0, 0.02f));
        return _model.Node("Add", name, [bias, _model.Node("MatMul", $"{name}.matmul", [x, weight])]);
    }

    private string Norm(string name, string x)
    {
        var scale = _model.Parameter($"{name}.weight", [_hidden], _options.Seed, (g, v) => g.Uniform(v, 0.9f, 1.1f));
        var bias = _model.Parameter($"{name}.bias", [_hidden], _options.Seed, (g, v) => g.Normal(v, 0, 0.1f));
        return _model.Node("LayerNormalization", name, [x, scale, bias],
            OnnxAttribute.Int("axis", -1), OnnxAttribute.Float("epsilon", Epsilon));
    }

    private string Weight(string name, int rows, int columns, float deviation) =>
        _model.Parameter(name, [rows, columns], _options.Seed, (g, v) => g.Normal(v, 0, deviation));
}
