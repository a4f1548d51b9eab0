namespace Atoll.Models;

/// <summary>
/// BERT base (Devlin et al. 2018: 12 post-norm layers, token types, pooler) and DistilBERT base (Sanh et al. 2019: 6
/// layers, neither) without heads: hidden 768, feed-forward 3072, vocabulary 30522. Inputs are int64 [batch, sequence];
/// outputs are last_hidden_state [batch, sequence, hidden] and, of BERT, pooler_output [batch, hidden].
/// </summary>
internal sealed class Bert
{
    private const int Vocabulary = 30522;
    private const int Positions = 512;
    private const float Epsilon = 1e-12f;

    private readonly OnnxModelBuilder _model;
    private readonly TransformerBuilder _net;

    private Bert(OnnxModelBuilder model, SampleModelOptions options)
    {
        _model = model;
        _net = new TransformerBuilder(model, options, Epsilon);
    }

    public static void BuildDistilled(OnnxModelBuilder model, SampleModelOptions options, int sequence)
    {
        var bert = new Bert(model, options);
        bert.Encode(options, sequence, layers: 6, hasTokenTypes: false);
        model.OutputLast("last_hidden_state", ElementType.Float32, options.Batch, sequence, bert._net.Hidden);
    }

    public static void BuildBase(OnnxModelBuilder model, SampleModelOptions options, int sequence)
    {
        var bert = new Bert(model, options);
        var x = bert.Encode(options, sequence, layers: 12, hasTokenTypes: true);
        x = model.OutputLast("last_hidden_state", ElementType.Float32, options.Batch, sequence, bert._net.Hidden);
        x = bert._net.RowLinear("pooler.dense", bert._net.Token("pooler.first", x, 0), bert._net.Hidden);
        model.Node("Tanh", "pooler.activation", [x]);
        model.OutputLast("pooler_output", ElementType.Float32, options.Batch, bert._net.Hidden);
    }

    private string Encode(SampleModelOptions options, int sequence, int layers, bool hasTokenTypes)
    {
        var ids = _model.Input("input_ids", ElementType.Int64, options.Batch, sequence);
        var mask = MaskBias(_model.Input("attention_mask", ElementType.Int64, options.Batch, sequence));
        var types = hasTokenTypes
            ? _model.Input("token_type_ids", ElementType.Int64, options.Batch, sequence) : null;
        var x = Embed(ids, types, sequence);
        for (var layer = 0; layer < layers; layer++)
        {
            x = Layer($"transformer.layer.{layer}", x, mask);
        }

        return x;
    }

    /// <summary>
    /// 0 where the mask is 1 and the lowest float where it is 0, shaped to broadcast over (batch, heads, query, key).
    /// </summary>
    private string MaskBias(string mask)
    {
        var axes = _model.Constant("mask_axes", Tensor.Int64([2], [1, 2]));
        var wide = _model.Node("Unsqueeze", "mask.unsqueeze", [mask, axes]);
        var number = _model.Node("Cast", "mask.cast", [wide], OnnxAttribute.Int("to", (long)ElementType.Float32));
        var hidden = _model.Node("Sub", "mask.sub", ["one", number]);
        return _model.Node("Mul", "mask.mul", [hidden, "lowest"]);
    }

    private string Embed(string ids, string? types, int sequence)
    {
        string Table(string name, int rows) =>
            _net.Weight($"embeddings.{name}_embeddings.weight", [rows, _net.Hidden], deviation: 0.05f);
        long[] places = [.. Enumerable.Range(0, sequence)];
        var place = _model.Constant("position_ids", Tensor.Int64([1, sequence], places));
        var x = _net.Embedding("embeddings.word_embeddings", (Table("word", Vocabulary), ids));
        if (types is not null)
        {
            var type = _net.Embedding("embeddings.token_type_embeddings", (Table("token_type", 2), types));
            x = _net.Add("embeddings.add_type", x, type);
        }

        var position = _net.Embedding("embeddings.position_embeddings", (Table("position", Positions), place));
        return _net.Norm("embeddings.LayerNorm", _net.Add("embeddings.add", x, position));
    }

    private string Layer(string name, string x, string mask)
    {
        string Project(string part, string value) =>
            _net.Linear($"{name}.attention.{part}_lin", value, (_net.Hidden, _net.Hidden), gain: 1);
        var joined = _net.Attend($"{name}.attention", (Project("q", x), Project("k", x), Project("v", x)), mask);
        x = _net.Norm($"{name}.sa_layer_norm", _net.Add($"{name}.add1", Project("out", joined), x));
        var narrow = _net.FeedForward($"{name}.ffn.lin1", $"{name}.ffn.lin2", x, v => _net.Gelu($"{name}.ffn.gelu", v));
        return _net.Norm($"{name}.output_layer_norm", _net.Add($"{name}.add2", narrow, x));
    }
}
