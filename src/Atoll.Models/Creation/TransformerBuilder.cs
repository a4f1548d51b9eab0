namespace Atoll.Models;

/// <summary>
/// Layers of transformers laid out like PyTorch exports at opset 17: projections as MatMul and Add, heads by Reshape
/// and Transpose. Values are [batch, sequence, hidden]. Width scales the number of heads; a head keeps its 64 values.
/// </summary>
internal sealed class TransformerBuilder
{
    private const int HeadSize = 64;
    private const int PublishedHeads = 12;

    private readonly OnnxModelBuilder _model;
    private readonly int _seed;
    private readonly float _epsilon;

    public TransformerBuilder(OnnxModelBuilder model, SampleModelOptions options, float epsilon)
    {
        _model = model;
        _seed = options.Seed;
        _epsilon = epsilon;
        Heads = Math.Max(1, (int)Math.Round(PublishedHeads * options.Width, MidpointRounding.AwayFromZero));
        Hidden = Heads * HeadSize;
        model.Constant("one", Tensor.Float([], [1f]));
        model.Constant("half", Tensor.Float([], [0.5f]));
        model.Constant("sqrt_head", Tensor.Float([], [MathF.Sqrt(HeadSize)]));
        model.Constant("lowest", Tensor.Float([], [float.MinValue]));
        // A zero keeps the dimension, so that the batch may be open.
        model.Constant("split_heads", Tensor.Int64([4], [0, 0, Heads, HeadSize]));
        model.Constant("join_heads", Tensor.Int64([3], [0, 0, Hidden]));
    }

    public int Heads { get; }

    public int Hidden { get; }

    /// <summary>softmax(q kᵀ / √64 + mask) v, joined, of projected q, k, v; no mask where null.</summary>
    public string Attend(string name, (string Query, string Key, string Value) x, string? mask)
    {
        var query = SplitHeads($"{name}.query", x.Query, 0, 2, 1, 3);
        var key = SplitHeads($"{name}.key", x.Key, 0, 2, 3, 1);
        var value = SplitHeads($"{name}.value", x.Value, 0, 2, 1, 3);
        var scaled = _model.Node("Div", $"{name}.scale", [query, "sqrt_head"]);
        var scores = _model.Node("MatMul", $"{name}.scores", [scaled, key]);
        scores = mask is null ? scores : _model.Node("Add", $"{name}.mask", [scores, mask]);
        var shares = _model.Node("Softmax", $"{name}.softmax", [scores], OnnxAttribute.Int("axis", -1));
        var context = _model.Node("MatMul", $"{name}.context", [shares, value]);
        var turned = _model.Node("Transpose", $"{name}.turn", [context], OnnxAttribute.Ints("perm", 0, 2, 1, 3));
        return _model.Node("Reshape", $"{name}.join", [turned, "join_heads"]);
    }

    /// <summary>Attention of one projection that makes query, key and value together.</summary>
    public string MergedAttention(string name, string x, string? mask)
    {
        var merged = Linear($"{name}.qkv", x, (Hidden, 3 * Hidden), gain: 1);
        var parts = _model.Split($"{name}.split", merged, axis: 2, parts: 3);
        var joined = Attend(name, (parts[0], parts[1], parts[2]), mask);
        return Linear($"{name}.proj", joined, (Hidden, Hidden), gain: 1);
    }

    public string Linear(string name, string x, (int Inputs, int Outputs) shape, float gain)
    {
        var weight = Weight($"{name}.weight", [shape.Inputs, shape.Outputs], MathF.Sqrt(gain / shape.Inputs));
        var bias = _model.Parameter($"{name}.bias", [shape.Outputs], _seed, (g, v) => g.Normal(v, 0, 0.02f));
        return _model.Node("Add", name, [bias, _model.Node("MatMul", $"{name}.matmul", [x, weight])]);
    }

    /// <summary>A linear layer of rows [batch, inputs] as Gemm with weights [outputs, inputs].</summary>
    public string RowLinear(string name, string x, int outputs)
    {
        var weight = Weight($"{name}.weight", [outputs, Hidden], MathF.Sqrt(1f / Hidden));
        var bias = _model.Parameter($"{name}.bias", [outputs], _seed, (g, v) => g.Normal(v, 0, 0.02f));
        return _model.Node("Gemm", name, [x, weight, bias], OnnxAttribute.Int("transB", 1));
    }

    /// <summary>Row <paramref name="place"/> of each sequence, [batch, hidden]; -1 is the last.</summary>
    public string Token(string name, string x, int place) => _model.Node(
        "Gather", name, [x, _model.Constant($"{name}.place", Tensor.Int64([], [place]))],
        OnnxAttribute.Int("axis", 1));

    public string Embedding(string name, (string Table, string Ids) lookup) =>
        _model.Node("Gather", name, [lookup.Table, lookup.Ids], OnnxAttribute.Int("axis", 0));

    public string Norm(string name, string x)
    {
        var scale = _model.Parameter($"{name}.weight", [Hidden], _seed, (g, v) => g.Uniform(v, 0.9f, 1.1f));
        var bias = _model.Parameter($"{name}.bias", [Hidden], _seed, (g, v) => g.Normal(v, 0, 0.1f));
        return _model.Node("LayerNormalization", name, [x, scale, bias],
            OnnxAttribute.Int("axis", -1), OnnxAttribute.Float("epsilon", _epsilon));
    }

    public string Add(string name, string x, string y) => _model.Node("Add", name, [x, y]);

    /// <summary>Two linear layers, fourfold wide in between, with the activation that is given.</summary>
    public string FeedForward(string first, string second, string x, Func<string, string> activation)
    {
        var wide = Linear(first, x, (Hidden, 4 * Hidden), gain: 1);
        return Linear(second, activation(wide), (4 * Hidden, Hidden), gain: 2);
    }

    /// <summary>x * 0.5 * (1 + erf(x / sqrt 2)), in the order of PyTorch's export.</summary>
    public string Gelu(string name, string x)
    {
        var scaled = _model.Node("Div", $"{name}.div", [x, _model.Shared("sqrt_two", MathF.Sqrt(2))]);
        var error = _model.Node("Erf", $"{name}.erf", [scaled]);
        var shifted = _model.Node("Add", $"{name}.add", [error, "one"]);
        var product = _model.Node("Mul", $"{name}.mul1", [x, shifted]);
        return _model.Node("Mul", $"{name}.mul2", [product, "half"]);
    }

    /// <summary>0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), in the order of PyTorch's export.</summary>
    public string GeluTanh(string name, string x)
    {
        var halved = _model.Node("Mul", $"{name}.half", [x, "half"]);
        var cubed = _model.Node("Pow", $"{name}.pow", [x, _model.Shared("three", 3)]);
        var scaled = _model.Node("Mul", $"{name}.mul1", [cubed, _model.Shared("cubic", 0.044715f)]);
        var sum = _model.Node("Add", $"{name}.add1", [x, scaled]);
        var inner = _model.Node("Mul", $"{name}.mul2", [sum, _model.Shared("gelu_root", MathF.Sqrt(2 / MathF.PI))]);
        var shifted = _model.Node("Add", $"{name}.add2", [_model.Node("Tanh", $"{name}.tanh", [inner]), "one"]);
        return _model.Node("Mul", $"{name}.mul3", [halved, shifted]);
    }

    public string Weight(string name, long[] shape, float deviation) =>
        _model.Parameter(name, shape, _seed, (g, v) => g.Normal(v, 0, deviation));

    private string SplitHeads(string name, string x, params long[] permutation)
    {
        var split = _model.Node("Reshape", $"{name}.split", [x, "split_heads"]);
        return _model.Node("Transpose", $"{name}.turn", [split], OnnxAttribute.Ints("perm", permutation));
    }
}
