namespace Atoll.Models.Tests;

/// <summary>What each pass makes of the pattern it is for, and that it leaves look-alikes alone.</summary>
public sealed class FusionPassTests
{
    [Fact]
    public void Convolution_batch_norm_residual_and_activation_become_one_node()
    {
        var b = new GraphBuilder(1);
        var x = b.Input(1, 4, 5, 5);
        var y = b.Op("Conv", x, b.Weights(4, 4, 1, 1));
        y = b.Op("BatchNormalization", y, b.Positive(4), b.Weights(4), b.Weights(4), b.Positive(4));
        Assert.Equal(["atoll.Conv"], Fused(b.Build(b.Op("Relu", b.Op("Add", x, y)))));
    }

    [Fact]
    public void Sigmoid_and_product_become_the_activation_of_the_convolution_before_them()
    {
        var b = new GraphBuilder(14);
        var y = b.Op("Conv", b.Input(1, 4, 5, 5), b.Weights(4, 4, 1, 1));
        var graph = b.Build(b.Op("Mul", y, b.Op("Sigmoid", y)));
        Assert.Equal(["atoll.Conv"], Fused(graph));
        CompiledRun.Check(graph, 14);
        b = new GraphBuilder(14);
        var other = b.Op("Mul", b.Op("Sigmoid", b.Input(1, 4, 1, 1)), b.Input(1, 4, 5, 5));
        Assert.Equal(["Mul", "Sigmoid"], Fused(b.Build(other)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_activation_behind_views_of_a_convolution_goes_into_it_unless_somebody_else_reads_one()
    {
        foreach (var isReadElsewhere in new[] { false, true })
        {
            var b = new GraphBuilder(18);
            var y = b.Op("Conv", b.Input(2, 4, 5, 6), b.Weights(6, 4, 1, 1), b.Weights(6));
            var split = b.Op("Reshape", y, b.Ints(0, 2, 3, 5, 6));
            var z = b.Op("Sigmoid", b.Op("Transpose", [("perm", new[] { 0L, 1L, 3L, 4L, 2L })], split));
            var graph = isReadElsewhere ? b.Build(z, b.Op("Relu", split)) : b.Build(z);
            Assert.Equal(isReadElsewhere ? ["Conv", "Reshape", "Transpose", "Sigmoid", "Relu"]
                : ["atoll.Conv", "Reshape", "Transpose"], Fused(graph));
            CompiledRun.Check(graph, 18);
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(70)]
    public void A_depthwise_convolution_takes_the_expansion_before_it_and_the_means_of_its_output(int size)
    {
        var b = new GraphBuilder(15);
        var y = b.Op("Relu", b.Op("Conv", b.Input(2, 6, size, size), b.Weights(40, 6, 1, 1), b.Weights(40)));
        y = b.Op("Conv", [("group", 40L), ("pads", new[] { 1L, 1L, 1L, 1L })], y, b.Weights(40, 1, 3, 3));
        y = b.Op("Mul", y, b.Op("Sigmoid", y));
        var graph = b.Build(b.Op("Mul", y, b.Op("Sigmoid", b.Op("GlobalAveragePool", y))));
        Assert.Equal(["atoll.Depthwise", "Sigmoid", "Mul"], Fused(graph));
        CompiledRun.Check(graph, 15);
    }

    [Theory]
    [InlineData(40, "atoll.GatedConv")]
    [InlineData(7, "Mul", "atoll.Conv")]
    public void Factors_of_a_large_images_channels_go_into_the_convolution_after_them(
        long size, params string[] expected)
    {
        var b = new GraphBuilder(17);
        var x = b.Input(2, 6, size, size);
        var y = b.Op("Conv", b.Op("Mul", b.Input(2, 6, 1, 1), x), b.Weights(8, 6, 1, 1), b.Weights(8));
        var graph = b.Build(b.Op("Relu", y));
        Assert.Equal(expected, Fused(graph));
        CompiledRun.Check(graph, 17);
    }

    [Fact]
    public void A_depthwise_convolution_leaves_an_expansion_that_is_read_elsewhere()
    {
        var b = new GraphBuilder(16);
        var x = b.Op("Conv", b.Input(1, 6, 9, 9), b.Weights(12, 6, 1, 1));
        var y = b.Op("Conv", [("group", 12L), ("strides", new[] { 2L, 2L })], x, b.Weights(12, 1, 3, 3));
        Assert.Equal(["Conv", "Conv"], Fused(b.Build(x, y)));
    }

    [Fact]
    public void A_batch_norm_whose_convolution_is_read_elsewhere_is_not_folded()
    {
        var b = new GraphBuilder(2);
        var y = b.Op("Conv", b.Input(1, 4, 5, 5), b.Weights(4, 4, 1, 1));
        var z = b.Op("BatchNormalization", y, b.Positive(4), b.Weights(4), b.Weights(4), b.Positive(4));
        Assert.Equal(["Conv", "atoll.ScaleShift"], Fused(b.Build(z, y)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_batch_norm_before_an_unpadded_convolution_goes_into_it_and_before_a_padded_one_does_not()
    {
        foreach (var (pad, expected) in new[] { (0L, 1), (1L, 2) })
        {
            var b = new GraphBuilder(3);
            var x = b.Op("BatchNormalization", b.Input(1, 4, 5, 5), b.Positive(4), b.Weights(4), b.Weights(4),
                b.Positive(4));
            var graph = b.Build(b.Op("Conv", [("pads", new[] { pad, pad, pad, pad })], x, b.Weights(2, 4, 3, 3)));
            Assert.Equal(expected, Fused(graph).Length);
            CompiledRun.Check(graph, 3);
        }
    }

    [Fact]
    public void A_grouped_transposed_convolution_takes_its_batch_norm()
    {
        var b = new GraphBuilder(4);
        var y = b.Op("ConvTranspose", [("group", 2L), ("strides", new[] { 2L, 2L })], b.Input(1, 4, 5, 5),
            b.Weights(4, 3, 3, 3));
        var graph = b.Build(b.Op("BatchNormalization", y, b.Positive(6), b.Weights(6), b.Weights(6), b.Positive(6)));
        Assert.Equal(["ConvTranspose"], Fused(graph));
        CompiledRun.Check(graph, 4);
    }

    [Fact]
    public void Matrix_product_bias_residual_and_activation_become_one_node()
    {
        var b = new GraphBuilder(5);
        var x = b.Input(2, 3, 8);
        var y = b.Op("Add", b.Weights(8), b.Op("MatMul", x, b.Weights(8, 8)));
        Assert.Equal(["atoll.MatMul"], Fused(b.Build(b.Op("Tanh", b.Op("Add", y, x)))));
    }

    [Fact]
    public void A_residual_that_broadcasts_is_not_fused()
    {
        var b = new GraphBuilder(6);
        var y = b.Op("Add", b.Op("MatMul", b.Input(2, 3, 8), b.Weights(8, 8)), b.Input(1, 3, 8));
        Assert.Equal(["atoll.MatMul", "Add"], Fused(b.Build(y)));
    }

    [Fact]
    public void Gelu_is_found_in_both_forms()
    {
        var b = new GraphBuilder(7);
        var x = b.Input(4, 4);
        var cube = b.Op("Mul", b.Scalar(0.044715f), b.Op("Pow", x, b.Scalar(3)));
        var tanh = b.Op("Tanh", b.Op("Mul", b.Op("Add", x, cube), b.Scalar(0.7978845608f)));
        var approximate = b.Op("Mul", b.Op("Mul", b.Scalar(0.5f), x), b.Op("Add", tanh, b.Scalar(1)));
        var graph = b.Build(RandomGraphs.Gelu(b, x), approximate);
        Assert.Equal(["Gelu", "Gelu"], Fused(graph));
        CompiledRun.Check(graph, 7);
    }

    [Fact]
    public void A_sum_that_only_looks_like_gelu_is_left_alone()
    {
        var b = new GraphBuilder(8);
        var x = b.Input(4, 4);
        var erf = b.Op("Add", b.Op("Erf", b.Op("Div", x, b.Scalar(1.5f))), b.Scalar(1));
        Assert.DoesNotContain("Gelu", Fused(b.Build(b.Op("Mul", b.Op("Mul", x, erf), b.Scalar(0.5f)))));
    }

    [Fact]
    public void Layer_norm_is_found()
    {
        var b = new GraphBuilder(9);
        Assert.Equal(["LayerNormalization"], Fused(b.Build(RandomGraphs.LayerNorm(b, b.Input(2, 3, 16), 16))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attention_is_found_with_an_added_and_with_a_selecting_mask(bool selects)
    {
        var b = new GraphBuilder(10);
        var (q, k, v) = (b.Input(1, 2, 5, 8), b.Input(1, 2, 8, 7), b.Input(1, 2, 7, 8));
        var scaled = selects ? b.Op("Div", q, b.Scalar(3)) : q;
        var scores = b.Op("Mul", b.Op("MatMul", scaled, k), b.Scalar(0.35f));
        scores = selects
            ? b.Op("Where", b.Input(ElementType.Bool, 1, 1, 1, 7), b.Scalar(float.MinValue), scores)
            : b.Op("Add", b.Input(1, 1, 5, 7), scores);
        var graph = b.Build(b.Op("MatMul", b.Op("Softmax", [("axis", -1L)], scores), v));
        Assert.Equal(selects ? ["Where", "atoll.Attention"] : ["atoll.Attention"], Fused(graph));
        CompiledRun.Check(graph, 10);
    }

    [Fact]
    public void No_ops_go_and_keep_the_outputs_names()
    {
        var b = new GraphBuilder(11);
        var x = b.Op("Reshape", b.Op("Relu", b.Input(2, 3)), b.Ints(2, 3));
        x = b.Op("Transpose", [("perm", new[] { 1L, 0L })], b.Op("Transpose", [("perm", new[] { 1L, 0L })], x));
        var graph = b.Build(x);
        Assert.Equal(["Relu"], Fused(graph));
        using var model = ModelCompiler.Compile(graph);
        Assert.Equal(x.Name, model.Outputs[0].Name);
        CompiledRun.Check(graph, 11);
    }

    [Fact]
    public void A_dense_block_is_concatenated_without_a_copy()
    {
        var b = new GraphBuilder(12);
        List<GraphValue> features = [b.Op("Conv", b.Input(1, 3, 6, 6), b.Weights(8, 3, 1, 1))];
        for (var layer = 0; layer < 3; layer++)
        {
            var joined = RandomGraphs.Concat(b, 1, [.. features]);
            var inner = b.Op("Conv", b.Op("Relu", joined), b.Weights(5, 8 + (4 * layer), 1, 1));
            features.Add(b.Op("Conv", [("pads", new[] { 1L, 1L, 1L, 1L })], inner, b.Weights(4, 5, 3, 3)));
        }

        var graph = b.Build(b.Op("GlobalAveragePool", RandomGraphs.Concat(b, 1, [.. features])));
        // One copy puts the input into channels-last order; then 7 convolutions, 3 activations and the pooling.
        Assert.Equal(12, CompiledRun.Check(graph, 12).Steps);
    }

    [Fact]
    public void Pixels_of_a_concatenation_that_lie_2_KB_apart_get_room_between_them_where_convolutions_read_them()
    {
        foreach (var isReadElsewhere in new[] { false, true })
        {
            var b = new GraphBuilder(19);
            var x = b.Input(2, 3, 5, 4);
            GraphValue[] parts = [b.Op("Conv", x, b.Weights(500, 3, 1, 1)), b.Op("Relu", b.Input(2, 12, 5, 4))];
            var joined = RandomGraphs.Concat(b, 1, parts);
            var y = b.Op("Conv", joined, b.Weights(4, 512, 1, 1));
            var graph = isReadElsewhere ? b.Build(y, b.Op("Exp", joined)) : b.Build(y);
            CompiledRun.Check(graph, 19);
        }
    }

    private static string[] Fused(Graph graph)
    {
        var copy = GraphSpecializer.Copy(graph);
        GraphSimplifier.Run(copy);
        FusionPasses.ApplyToWeights(copy);
        FusionPasses.ApplyWithShapes(copy);
        return [.. copy.Nodes.Select(n => n.Domain.Length == 0 ? n.Operator : $"{n.Domain}.{n.Operator}")];
    }
}
