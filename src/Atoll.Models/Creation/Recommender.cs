namespace Atoll.Models;

/// <summary>
/// A deep learning recommendation model (Naumov et al. 2019) with the layers of MLPerf's: 13 dense features through a
/// bottom MLP, 26 categories through embedding tables of 128 values, the dot products of all pairs, a top MLP. Tables
/// are hashed down to 10000 rows. Inputs dense [batch, 13] and sparse int64 [batch, 26]; output probability [batch, 1].
/// </summary>
internal sealed class Recommender(OnnxModelBuilder model, SampleModelOptions options)
{
    private const int Dense = 13;
    private const int Tables = 26;
    private const int Rows = 10_000;

    private static readonly int[] Bottom = [512, 256];
    private static readonly int[] Top = [1024, 1024, 512, 256];

    private readonly int _embedding = options.Scale(128);

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int unused)
    {
        var net = new Recommender(model, options);
        var dense = model.Input("dense", ElementType.Float32, options.Batch, Dense);
        var sparse = model.Input("sparse", ElementType.Int64, options.Batch, Tables);
        int[] bottom = [.. Bottom.Select(options.Scale), net._embedding];
        var x = net.Layers("bot_l", dense, Dense, bottom);
        var pairs = net.Interact(x, sparse);
        var joined = model.Node("Concat", "interaction", [x, pairs], OnnxAttribute.Int("axis", 1));
        var width = net._embedding + (Tables * (Tables + 1) / 2);
        x = net.Layers("top_l", joined, width, [.. Top.Select(options.Scale)]);
        x = net.Linear("top_l.last", x, (options.Scale(Top[^1]), 1), gain: 1);
        model.Node("Sigmoid", "sigmoid", [x]);
        model.OutputLast("probability", ElementType.Float32, options.Batch, 1);
    }

    private string Layers(string name, string x, int inputs, int[] outputs)
    {
        for (var i = 0; i < outputs.Length; i++)
        {
            x = Linear($"{name}.{i}", x, (inputs, outputs[i]), gain: i == 0 ? 1 : 2);
            x = model.Node("Relu", $"{name}.{i}.relu", [x]);
            inputs = outputs[i];
        }

        return x;
    }

    /// <summary>Dot products of all pairs of the 27 feature vectors, [batch, 351].</summary>
    private string Interact(string x, string sparse)
    {
        var axis = model.Constant("feature_axis", Tensor.Int64([1], [1]));
        List<string> features = [model.Node("Unsqueeze", "dense.feature", [x, axis])];
        for (var i = 0; i < Tables; i++)
        {
            features.Add(model.Node("Unsqueeze", $"emb_l.{i}.feature", [Embed(sparse, i), axis]));
        }

        var all = model.Node("Concat", "features", features, OnnxAttribute.Int("axis", 1));
        var turned = model.Node("Transpose", "features.turn", [all], OnnxAttribute.Ints("perm", 0, 2, 1));
        var products = model.Node("MatMul", "products", [all, turned]);
        const int Count = Tables + 1;
        var flat = model.Node(
            "Reshape", "products.flat", [products, model.Constant("flat", Tensor.Int64([2], [0, Count * Count]))]);
        var below = from row in Enumerable.Range(0, Count) from column in Enumerable.Range(0, row)
                    select (long)((row * Count) + column);
        long[] places = [.. below];
        return model.Node("Gather", "pairs", [flat, model.Constant("below", Tensor.Int64([places.Length], places))],
            OnnxAttribute.Int("axis", 1));
    }

    private string Embed(string sparse, int index)
    {
        var table = model.Parameter(
            $"emb_l.{index}.weight", [Rows, _embedding], options.Seed, (g, v) => g.Normal(v, 0, 0.1f));
        var place = model.Constant($"emb_l.{index}.column", Tensor.Int64([], [index]));
        var ids = model.Node("Gather", $"emb_l.{index}.ids", [sparse, place], OnnxAttribute.Int("axis", 1));
        return model.Node("Gather", $"emb_l.{index}", [table, ids], OnnxAttribute.Int("axis", 0));
    }

    private string Linear(string name, string x, (int Inputs, int Outputs) shape, float gain)
    {
        var deviation = MathF.Sqrt(gain / shape.Inputs);
        var weight = model.Parameter($"{name}.weight", [shape.Outputs, shape.Inputs], options.Seed,
            (g, v) => g.CentredRows(v, shape.Inputs, deviation, 0.5f));
        var bias = model.Parameter($"{name}.bias", [shape.Outputs], options.Seed, (g, v) => g.Normal(v, 0, 0.05f));
        return model.Node("Gemm", name, [x, weight, bias], OnnxAttribute.Int("transB", 1));
    }
}
