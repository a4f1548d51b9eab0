namespace Atoll.Models.Tests;

/// <summary>Operators of ai.onnx.ml on cases computed by hand; ONNX has no test data for them.</summary>
public sealed class LearningOperatorTests
{
    private static readonly (string Name, object Value)[] Stump =
    [
        ("nodes_treeids", new long[] { 0, 0, 0, 1 }), ("nodes_nodeids", new long[] { 0, 1, 2, 0 }),
        ("nodes_featureids", new long[] { 1, 0, 0, 0 }), ("nodes_values", new[] { 0.5f, 0, 0, 0 }),
        ("nodes_modes", new[] { "BRANCH_LEQ", "LEAF", "LEAF", "LEAF" }),
        ("nodes_truenodeids", new long[] { 1, 0, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0, 0 }),
    ];

    [Fact]
    public void Linear_regressor_adds_weighted_features_and_the_intercept() => Close([12.5f, 0.5f], Run(
        "LinearRegressor", [Floats(2, 2, 1, 2, 0, 0)], ("coefficients", new[] { 2f, 5f }),
        ("intercepts", new[] { 0.5f })));

    [Fact]
    public void Linear_classifier_takes_the_highest_score()
    {
        var results = Run("LinearClassifier", 2, [Floats(2, 1, 3, -1)], ("coefficients", new[] { -1f, 0, 1 }),
            ("intercepts", new[] { 0f, 0.5f, 0 }), ("classlabels_strings", new[] { "a", "b", "c" }),
            ("post_transform", "SOFTMAX"));

        Assert.Equal(["c", "a"], ((Tensor)results[0]).Strings());
        var (low, middle, high) = (Math.Exp(-3), Math.Exp(0.5), Math.Exp(3));
        Assert.Equal(high / (low + middle + high), ((Tensor)results[1]).AsSpan<float>()[2], 1e-6);
    }

    [Fact]
    public void Linear_classifier_of_one_score_gives_both_classes()
    {
        var results = Run("LinearClassifier", 2, [Floats(2, 1, 2, -2)], ("coefficients", new[] { 1f }),
            ("intercepts", new[] { 0f }), ("classlabels_ints", new long[] { 10, 20 }), ("post_transform", "LOGISTIC"));

        Assert.Equal([20L, 10], ((Tensor)results[0]).AsSpan<long>().ToArray());
        Close([0.119203f, 0.880797f, 0.880797f, 0.119203f], [results[1]]);
    }

    [Theory]
    [InlineData("SUM", 11f, 13f)]
    [InlineData("AVERAGE", 6f, 7f)]
    [InlineData("MIN", 3f, 5f)]
    [InlineData("MAX", 9f, 9f)]
    public void Tree_regressor_aggregates_its_trees(string function, float low, float high) => Close([low, high], Run(
        "TreeEnsembleRegressor", [Floats(2, 2, 0, 0.5f, 0, 0.6f)],
        [.. Stump, ("target_treeids", new long[] { 0, 0, 1 }), ("target_nodeids", new long[] { 1, 2, 0 }),
            ("target_ids", new long[] { 0, 0, 0 }), ("target_weights", new[] { 2f, 4f, 8f }),
            ("base_values", new[] { 1f }), ("aggregate_function", function)]));

    [Fact]
    public void Tree_classifier_of_one_class_has_its_probability()
    {
        var results = Run("TreeEnsembleClassifier", 2, [Floats(2, 2, 0, 0, 0, 1)],
            [.. Stump, ("class_treeids", new long[] { 0, 0 }), ("class_nodeids", new long[] { 1, 2 }),
                ("class_ids", new long[] { 0, 0 }), ("class_weights", new[] { 0.2f, 0.7f }),
                ("classlabels_int64s", new long[] { 0, 1 })]);

        Assert.Equal([0L, 1], ((Tensor)results[0]).AsSpan<long>().ToArray());
        Close([0.8f, 0.2f, 0.3f, 0.7f], [results[1]]);
    }

    [Fact]
    public void Tree_classifier_of_many_classes_takes_the_highest_sum()
    {
        var results = Run("TreeEnsembleClassifier", 2, [Floats(2, 2, 0, 0, 0, 1)],
            [.. Stump, ("class_treeids", new long[] { 0, 0, 1 }), ("class_nodeids", new long[] { 1, 2, 0 }),
                ("class_ids", new long[] { 2, 0, 1 }), ("class_weights", new[] { 3f, 0.5f, 1f }),
                ("classlabels_strings", new[] { "x", "y", "z" })]);

        Assert.Equal(["z", "y"], ((Tensor)results[0]).Strings());
        Close([0, 1, 3, 0.5f, 1, 0], [results[1]]);
    }

    [Fact]
    public void Tree_whose_node_has_two_parents_is_refused()
    {
        var refusal = Assert.Throws<ModelException>(() => Run("TreeEnsembleRegressor", [Floats(1, 1, 0)],
            ("nodes_treeids", new long[] { 0, 0 }), ("nodes_nodeids", new long[] { 0, 1 }),
            ("nodes_featureids", new long[] { 0, 0 }), ("nodes_values", new[] { 0f, 0 }),
            ("nodes_modes", new[] { "BRANCH_LT", "BRANCH_LT" }), ("nodes_truenodeids", new long[] { 1, 1 }),
            ("nodes_falsenodeids", new long[] { 0, 0 })));

        Assert.Contains("two parents", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scaler_shifts_and_scales_each_feature() => Close([2, -3, 0, 3], Run("Scaler",
        [Floats(2, 2, 2, 1, 1, 3)], ("offset", new[] { 1f, 2 }), ("scale", new[] { 2f, 3 })));

    [Theory]
    [InlineData("MAX", 0.75f, 1f)]
    [InlineData("L1", 0.42857143f, 0.5714286f)]
    [InlineData("L2", 0.6f, 0.8f)]
    public void Normalizer_divides_by_the_norm(string norm, float a, float b) =>
        Close([a, b, 0, 0], Run("Normalizer", [Floats(2, 2, 3, 4, 0, 0)], ("norm", norm)));

    [Fact]
    public void Features_are_extracted_binarized_and_imputed()
    {
        Close([3, 1, 6, 4], Run("ArrayFeatureExtractor",
            [Floats(2, 3, 1, 2, 3, 4, 5, 6), Tensor.Int64([2], [2, 0])]));
        Close([0, 0, 1], Run("Binarizer", [Floats(1, 3, 1, 2, 3)], ("threshold", 2f)));
        Close([1, 8, 7, 4], Run("Imputer", [Floats(2, 2, 1, float.NaN, float.NaN, 4)],
            ("imputed_value_floats", new[] { 7f, 8 }), ("replaced_value_float", float.NaN)));
    }

    [Fact]
    public void Label_encoder_maps_keys_and_the_rest()
    {
        var numbers = Run("LabelEncoder", [Tensor.OfStrings([3], ["b", "?", "a"])],
            ("keys_strings", new[] { "a", "b" }), ("values_int64s", new long[] { 4, 5 }), ("default_int64", -7L));
        var texts = Run("LabelEncoder", 1, [Tensor.Int64([2], [1, 9])], 1, ("classes_strings", new[] { "a", "b" }),
            ("default_string", "none"));

        Assert.Equal([5L, -7, 4], ((Tensor)numbers[0]).AsSpan<long>().ToArray());
        Assert.Equal(["b", "none"], ((Tensor)texts[0]).Strings());
    }

    [Fact]
    public void One_hot_encoder_marks_the_category()
    {
        Close([0, 1, 0, 0], Run("OneHotEncoder", [Tensor.OfStrings([2], ["b", "?"])],
            ("cats_strings", new[] { "a", "b" })));
        Assert.Throws<ModelException>(() => Run("OneHotEncoder", [Tensor.Int64([1], [3])],
            ("cats_int64s", new long[] { 1, 2 }), ("zeros", 0L)));
    }

    [Fact]
    public void Zip_map_names_the_scores_of_each_row()
    {
        var maps = (ValueSequence)Run("ZipMap", [Floats(2, 2, 1, 2, 3, 4)],
            ("classlabels_strings", new[] { "no", "yes" }))[0];

        Assert.Equal(2, maps.Items.Count);
        var second = (ValueMap)maps.Items[1];
        Assert.Equal(["no", "yes"], second.Keys.Strings());
        Close([3, 4], [second.Values]);
    }

    private static Tensor Floats(long rows, long columns, params float[] values) =>
        Tensor.Float([rows, columns], values);

    private static ModelValue[] Run(string op, ModelValue[] inputs, params (string Name, object Value)[] attributes) =>
        Run(op, 1, inputs, attributes);

    private static ModelValue[] Run(string op, int outputs, ModelValue[] inputs,
        params (string Name, object Value)[] attributes) => Run(op, outputs, inputs, 3, attributes);

    private static ModelValue[] Run(string op, int outputs, ModelValue[] inputs, int version,
        params (string Name, object Value)[] attributes)
    {
        var node = new GraphNode
        {
            Name = op, Operator = op, Domain = "ai.onnx.ml", Opset = version,
            Outputs = [.. Enumerable.Range(0, outputs).Select(i => new GraphValue($"y{i}"))],
        };
        foreach (var (name, value) in attributes)
        {
            node.Attributes.Set(name, value);
        }

        return ReferenceInterpreter.Evaluate(node, inputs, ModelLimits.Default);
    }

    private static void Close(float[] expected, ModelValue[] results) => Assert.Equal(
        Array.ConvertAll(expected, v => Math.Round(v, 5)),
        Array.ConvertAll(((Tensor)results[0]).AsSpan<float>().ToArray(), v => Math.Round(v, 5)));
}
