using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models.Tests;

/// <summary>
/// Every kind of bad model is refused with an error that says what, where, and which setting limits it.
/// </summary>
public sealed class BadModelTests
{
    [Fact]
    public void Missing_file_is_not_found() =>
        Refused(ModelError.NotFound, () => OnnxModel.Load("/nowhere/model.onnx"), "/nowhere/model.onnx");

    [Fact]
    public void Empty_file_holds_no_graph() => Refused(ModelError.Malformed, () => ProtoModel.Load([]), "no graph");

    [Fact]
    public void Element_counts_past_64_bits_are_refused_at_the_largest_limit()
    {
        var limits = new ModelLimits { ElementsMax = 1L << 40 };
        Assert.Throws<ModelException>(() => limits.CountElements([1L << 32, 1L << 32], "x"));
        Assert.Throws<ModelException>(() => limits.CountElements([1L << 40, 3, 1L << 24], "x"));
        Assert.Equal(1L << 40, limits.CountElements([1L << 20, -1, 1L << 20], "x"));
    }

    [Fact]
    public void Every_truncation_of_a_file_is_refused_or_still_valid()
    {
        var bytes = ProtoModel.Mixed().ToBytes();
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            try
            {
                ProtoModel.Load(cut);
            }
            catch (ModelException e)
            {
                Assert.StartsWith("model 'test.onnx'", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Truncated_protobuf_names_file_and_position()
    {
        var bytes = ProtoModel.Mixed().ToBytes();
        Refused(ModelError.Malformed, () => ProtoModel.Load(bytes[..(bytes.Length / 2)]), "test.onnx", "claims",
            "byte");
    }

    [Fact]
    public void Cyclic_graph_is_refused() => Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Input("x", 2).Node("Add", "x b", "a").Node("Relu", "a", "b").Output("b", 2).Load(), "cycle", "Add_0");

    [Fact]
    public void Duplicate_tensor_name_is_refused() => Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Input("x", 2).Node("Relu", "x", "y").Node("Abs", "x", "y").Output("y", 2).Load(), "'y'", "more than once",
            "Abs_1");

    [Fact]
    public void Node_that_makes_an_input_again_is_refused() => Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Input("x", 2).Node("Relu", "x", "x").Output("x", 2).Load(), "'x'", "more than once");

    [Fact]
    public void Undefined_input_is_refused() => Refused(ModelError.MissingTensor, () => new ProtoModel()
        .Input("x", 2).Node("Add", "x ghost", "y").Output("y", 2).Load(), "ghost", "Add_0");

    [Fact]
    public void Undefined_output_is_refused() => Refused(ModelError.MissingTensor, () => new ProtoModel()
        .Input("x", 2).Output("ghost", 2).Load(), "ghost", "outputs");

    [Fact]
    public void Shapes_that_do_not_broadcast_are_refused_with_the_node() =>
        Refused(ModelError.InvalidShape, () => new ProtoModel()
        .Input("x", 2, 3).Input("z", 4).Node("Add", "x z", "y").Output("y", 2, 3).Load(), "Add_0", "[2,3]", "[4]");

    [Theory]
    [InlineData("dilations", 1L, 1L << 30)]
    [InlineData("strides", 1L, (1L << 26) + 1)]
    [InlineData("pads", 0L, 0L, (1L << 31) - 1, (1L << 31) - 1)]
    public void Windows_of_absurd_reach_are_refused(string attribute, params long[] values) =>
        Refused(ModelError.InvalidAttribute, () => new ProtoModel()
        .Input("x", 1, 1, 1, 3).Float("w", [1, 1, 1, 5], 1, 1, 1, 1, 1)
        .Node("Conv", "x w", "y", ProtoModel.Ints(attribute, values)).Output("y", 1, 1, 1, 1).Load(),
            "Conv_0", attribute);

    [Fact]
    public void Kernel_of_absurd_reach_is_refused() => Refused(ModelError.InvalidAttribute, () => new ProtoModel()
        .Input("x", 1, 1, 1, 3).Node("MaxPool", "x", "y", ProtoModel.Ints("kernel_shape", 1, 5),
            ProtoModel.Ints("dilations", 1, 1L << 26)).Output("y", 1, 1, 1, 1).Load(), "MaxPool_0", "covers");

    [Fact]
    public void Declared_output_shape_that_is_not_met_is_refused() =>
        Refused(ModelError.InvalidShape, () => new ProtoModel()
        .Input("x", 2, 3).Node("Relu", "x", "y").Output("y", 3, 2).Load(), "'y'", "[3,2]", "[2,3]");

    [Fact]
    public void Input_of_2_to_the_60_elements_names_the_setting() =>
        Refused(ModelError.LimitExceeded, () => new ProtoModel()
        .Input("x", 1L << 60).Node("Relu", "x", "y").Output("y", 1L << 60).Load(), "'x'", "models.elements_max");

    [Fact]
    public void Product_of_dimensions_that_would_overflow_is_refused() =>
        Refused(ModelError.LimitExceeded, () => new ProtoModel()
        .Input("x", 1L << 28, 1L << 28, 1L << 28).Node("Relu", "x", "y").Output("y").Load(),
            "models.elements_max");

    [Fact]
    public void Initializer_that_claims_more_than_it_holds_is_refused_before_memory_is_taken() =>
        Refused(ModelError.InvalidShape, () =>
            new ProtoModel().Float("w", [1 << 28], 1f).Node("Relu", "w", "y").Output("y").Load(),
            "'w'", "1 values", "268435456");

    [Fact]
    public void Constants_past_their_budget_name_the_setting() =>
        Refused(ModelError.LimitExceeded, () => ProtoModel.Mixed()
        .Load(new ModelLimits { ConstantBytesMax = 100 }), "models.constant_bytes_max");

    [Fact]
    public void Negative_dimension_is_refused() => Refused(ModelError.InvalidShape, () => new ProtoModel()
        .Input("x", -5).Node("Relu", "x", "y").Output("y").Load(), "'x'", "negative");

    [Fact]
    public void Too_high_rank_names_the_setting() => Refused(ModelError.LimitExceeded, () => new ProtoModel()
        .Input("x", 1, 1, 1, 1, 1, 1, 1, 1, 1).Node("Relu", "x", "y").Output("y").Load(), "rank 9",
            "models.rank_max");

    [Fact]
    public void Too_many_nodes_name_the_setting() => Refused(ModelError.LimitExceeded, () => ProtoModel.Mixed()
        .Load(new ModelLimits { NodesMax = 3 }), "models.nodes_max");

    [Fact]
    public void Too_long_file_names_the_setting() => Refused(ModelError.LimitExceeded, () => ProtoModel.Mixed()
        .Load(new ModelLimits { FileBytesMax = 100 }), "models.file_bytes_max");

    [Fact]
    public void Too_many_records_name_the_setting() => Refused(ModelError.LimitExceeded, () => ProtoModel.Mixed()
        .Load(new ModelLimits { RecordsMax = 10 }), "models.records_max");

    [Fact]
    public void Computed_result_past_the_element_limit_is_refused() =>
        Refused(ModelError.LimitExceeded, () => new ProtoModel()
        .Int64("s", [4], 1 << 15, 1 << 15, 1 << 15, 1 << 15).Node("ConstantOfShape", "s", "y").Output("y").Load(),
            "models.elements_max");

    [Fact]
    public void All_unsupported_operators_are_named_at_once()
    {
        var model = new ProtoModel().Input("x", 2).Node("Frobnicate", "x", "a").Node("Relu", "a", "b").Node("Fold",
            "b", "y").Output("y", 2);
        Refused(ModelError.UnsupportedOperator, () => model.Load(), "Frobnicate (node 'Frobnicate_0', opset 13)",
            "Fold (node 'Fold_2', opset 13)");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(99)]
    public void Operator_set_that_is_not_had_is_refused(int opset) =>
        Refused(ModelError.UnsupportedOperator, () => new ProtoModel(opset)
        .Input("x", 2).Node("Relu", "x", "y").Output("y", 2).Load(), $"opset {opset}");

    [Theory]
    [InlineData(77)]
    [InlineData(0)]
    public void Element_type_that_is_not_had_is_refused(int type)
    {
        var model = new ProtoModel().Node("Relu", "w", "y").Output("y", 1);
        model.Graph.Initializer.Add(new TensorProto { Name = "w", DataType = type, Dims = { 1 },
            RawData = ByteString.CopyFrom(0) });
        Refused(ModelError.UnsupportedType, () => model.Load(), "'w'", $"{type}");
    }

    [Fact]
    public void Attribute_of_the_wrong_kind_is_refused_with_the_node() =>
        Refused(ModelError.InvalidAttribute, () => new ProtoModel()
        .Input("x", 2, 3).Node("Transpose", "x", "y", ProtoModel.Int("perm", 1)).Output("y").Load(), "Transpose_0",
            "perm");

    [Fact]
    public void Too_many_inputs_are_refused() => Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Input("x", 2).Node("Relu", "x x", "y").Output("y", 2).Load(), "Relu_0", "2 inputs");

    [Fact]
    public void Node_that_lacks_an_input_is_refused() => Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Input("x", 2).Node("Add", "x -", "y").Output("y", 2).Load(), "Add_0");

    [Fact]
    public void Division_of_constants_by_zero_is_refused_with_the_node() =>
        Refused(ModelError.InvalidGraph, () => new ProtoModel()
        .Int64("a", [1], 1).Int64("z", [1], 0).Node("Div", "a z", "y").Node("Cast", "y", "f",
            ProtoModel.Int("to", 1)).Output("f", 1).Load(), "Div_0");

    private static void Refused(ModelError error, Action load, params string[] parts)
    {
        var exception = Assert.Throws<ModelException>(load);
        Assert.Equal(error, exception.Error);
        Assert.All(parts, part => Assert.Contains(part, exception.Message, StringComparison.Ordinal));
    }
}
