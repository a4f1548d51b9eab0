namespace Atoll.Models.Tests;

/// <summary>
/// Forms that operators had at opsets 7 to 12, mostly attributes where there are inputs now; ONNX 1.12's data has the
/// form of opset 17 only.
/// </summary>
public sealed class OlderFormTests
{
    private static readonly Tensor Matrix = Tensor.Float([2, 3], [1, 2, 3, 4, 5, 6]);

    [Theory]
    [InlineData(7)]
    [InlineData(11)]
    public void Squeeze_and_unsqueeze_have_their_axes_as_attribute(int opset)
    {
        Is([1, 2, 1, 3], [1, 2, 3, 4, 5, 6], Run("Unsqueeze", opset, [Matrix], ("axes", new long[] { 0, 2 })));
        Is([2, 3], [1, 2, 3, 4, 5, 6], Run("Squeeze", opset, [Tensor.Float([2, 1, 3], [1, 2, 3, 4, 5, 6])],
            ("axes", new long[] { 1 })));
    }

    [Fact]
    public void Slice_has_its_ranges_as_attributes() => Is([1, 2], [2, 3], Run("Slice", 9, [Matrix],
        ("starts", new long[] { 0, 1 }), ("ends", new long[] { 1, 9 }), ("axes", new long[] { 0, 1 })));

    [Fact]
    public void Pad_has_pads_and_value_as_attributes() => Is([2, 5], [9, 1, 2, 3, 9, 9, 4, 5, 6, 9],
        Run("Pad", 10, [Matrix], ("pads", new long[] { 0, 1, 0, 1 }), ("value", 9f)));

    [Theory]
    [InlineData(7)]
    [InlineData(10)]
    public void Clip_has_its_bounds_as_attributes(int opset) =>
        Is([2, 3], [2, 2, 3, 4, 5, 5], Run("Clip", opset, [Matrix], ("min", 2f), ("max", 5f)));

    [Fact]
    public void Split_has_its_parts_as_attribute()
    {
        var parts = Run("Split", 11, 2, [Matrix], ("axis", 1L), ("split", new long[] { 1, 2 }));
        Is([2, 1], [1, 4], [parts[0]]);
        Is([2, 2], [2, 3, 5, 6], [parts[1]]);
    }

    [Theory]
    [InlineData("ReduceSum", 11, 6, 15)]
    [InlineData("ReduceMean", 17, 2, 5)]
    [InlineData("ReduceMax", 12, 3, 6)]
    [InlineData("ReduceProd", 7, 6, 120)]
    public void Reductions_have_their_axes_as_attribute(string op, int opset, float first, float second) =>
        Is([2], [first, second], Run(op, opset, [Matrix], ("axes", new long[] { 1 }), ("keepdims", 0L)));

    [Fact]
    public void Reductions_of_opset_18_have_their_axes_as_input() =>
        Is([2, 1], [3, 6], Run("ReduceMax", 18, [Matrix, Tensor.Int64([1], [1])]));

    [Fact]
    public void Softmax_flattens_to_a_matrix_before_opset_13() => Is([1, 2, 2], [0.25f, 0.25f, 0.25f, 0.25f],
        Run("Softmax", 12, [Tensor.Float([1, 2, 2], [0, 0, 0, 0])]));

    [Fact]
    public void Top_k_has_k_as_attribute()
    {
        var results = Run("TopK", 9, 2, [Matrix], ("k", 1L));
        Is([2, 1], [3, 6], [results[0]]);
        Assert.Equal([2L, 2], ((Tensor)results[1]).AsSpan<long>().ToArray());
    }

    [Fact]
    public void Upsample_has_its_scales_as_attribute() => Is([1, 1, 2, 2], [1, 1, 2, 2],
        Run("Upsample", 7, [Tensor.Float([1, 1, 2, 1], [1, 2])], ("scales", new[] { 1f, 1, 1, 2 })));

    [Fact]
    public void Dropout_has_its_ratio_as_attribute() =>
        Is([2, 3], [1, 2, 3, 4, 5, 6], Run("Dropout", 10, [Matrix], ("ratio", 0.3f)));

    [Fact]
    public void Resize_of_opset_10_has_scales_as_second_input() => Is([1, 1, 2, 2], [1, 1, 2, 2],
        Run("Resize", 10, [Tensor.Float([1, 1, 2, 1], [1, 2]), Tensor.Float([4], [1, 1, 1, 2])]));

    [Fact]
    public void Gemm_takes_its_third_input_always_before_opset_11() => Is([1, 1], [12], Run("Gemm", 9,
        [Tensor.Float([1, 2], [1, 2]), Tensor.Float([2, 1], [3, 4]), Tensor.Float([1], [1])]));

    [Fact]
    public void Scatter_was_the_name_of_scatter_elements() => Is([3], [1, 9, 3],
        Run("Scatter", 10, [Tensor.Float([3], [1, 2, 3]), Tensor.Int64([1], [1]), Tensor.Float([1], [9])]));

    [Fact]
    public void Batch_normalization_of_opset_7_takes_its_statistics() => Is([1, 2, 1], [1, 3],
        Run("BatchNormalization", 7, [Tensor.Float([1, 2, 1], [3, 5]), Tensor.Float([2], [1, 1]),
            Tensor.Float([2], [0, 0]), Tensor.Float([2], [2, 2]), Tensor.Float([2], [1, 1])], ("epsilon", 0f)));

    private static ModelValue[] Run(string op, int opset, ModelValue[] inputs,
        params (string Name, object Value)[] attributes) => Run(op, opset, 1, inputs, attributes);

    private static ModelValue[] Run(string op, int opset, int outputs, ModelValue[] inputs,
        params (string Name, object Value)[] attributes)
    {
        var node = new GraphNode
        {
            Name = op, Operator = op, Opset = opset,
            Outputs = [.. Enumerable.Range(0, outputs).Select(i => new GraphValue($"y{i}"))],
        };
        foreach (var (name, value) in attributes)
        {
            node.Attributes.Set(name, value);
        }

        return ReferenceInterpreter.Evaluate(node, inputs, ModelLimits.Default);
    }

    private static void Is(long[] shape, float[] values, ModelValue[] results)
    {
        var tensor = (Tensor)results[0];
        Assert.Equal(shape, tensor.Shape);
        Assert.Equal(Array.ConvertAll(values, v => Math.Round(v, 5)),
            Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => Math.Round(v, 5)));
    }
}
