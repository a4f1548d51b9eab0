namespace Atoll.Models.Tests;

/// <summary>The shape arithmetic that exporters write folds away once the input shapes are known.</summary>
public sealed class ShapeArithmeticTests
{
    private static readonly Dictionary<string, long[]> Batch3 = new() { ["x"] = [3, 5, 8] };

    [Fact]
    public void Unspecialised_graph_keeps_unknown_dimensions()
    {
        var graph = HeadSplit().Load().Graph;
        Assert.Equal([-1, -1, 8], graph.Inputs[0].Shape!);
        Assert.Equal(4, graph.Outputs[0].Shape!.Length);
        Assert.False(graph.Outputs[0].IsStatic);
    }

    [Fact]
    public void Reshape_by_computed_shape_is_static_once_specialised()
    {
        var graph = HeadSplit().Load().Graph.WithInputShapes(Batch3);
        Assert.Equal([3, 2, 5, 4], graph.Outputs[0].Shape!);
        Assert.All(graph.Nodes.SelectMany(n => n.Outputs), v => Assert.True(v!.IsStatic));
    }

    [Fact]
    public void Only_the_nodes_that_move_data_are_left()
    {
        var graph = HeadSplit().Load().Graph.WithInputShapes(Batch3);
        GraphSimplifier.Run(graph);
        Assert.Equal(["Reshape", "Transpose"], graph.Nodes.Select(n => n.Operator));
        Assert.All(graph.Nodes.SelectMany(n => n.Inputs.Skip(1)), v => Assert.True(v!.IsConstant));
    }

    [Fact]
    public void Mask_expanded_by_ConstantOfShape_Equal_and_Where_folds_to_a_constant_shape()
    {
        var graph = ExpandedMask().Load().Graph.WithInputShapes(new Dictionary<string, long[]> { ["x"] = [2, 7] });
        GraphSimplifier.Run(graph);
        Assert.Equal(["Unsqueeze", "Expand"], graph.Nodes.Select(n => n.Operator));
        Assert.Equal([2, 6, 7], graph.Outputs[0].Shape!);
        var x = Tensor.Float([2, 7], [.. Enumerable.Range(0, 14).Select(i => (float)i)]);
        var y = ReferenceInterpreter.Run(graph, [x])[0];
        Assert.Equal(13, y.AsSpan<float>()[^1]);
        Assert.Equal(0, y.AsSpan<float>()[7]);
    }

    [Fact]
    public void Specialising_leaves_the_original_as_it_was()
    {
        var graph = HeadSplit().Load().Graph;
        graph.WithInputShapes(Batch3);
        Assert.Equal([-1, -1, 8], graph.Inputs[0].Shape!);
        Assert.Equal([4, 2, 6, 4], graph.WithInputShapes(new Dictionary<string, long[]> { ["x"] = [4, 6, 8] })
            .Outputs[0].Shape!);
    }

    [Fact]
    public void Fixed_dimension_cannot_be_changed()
    {
        var graph = HeadSplit().Load().Graph;
        var shapes = new Dictionary<string, long[]> { ["x"] = [3, 5, 9] };
        var e = Assert.Throws<ModelException>(() => graph.WithInputShapes(shapes));
        Assert.Equal(ModelError.InvalidShape, e.Error);
        Assert.Contains("'x'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_input_name_lists_those_that_there_are()
    {
        var graph = HeadSplit().Load().Graph;
        var shapes = new Dictionary<string, long[]> { ["z"] = [1] };
        var e = Assert.Throws<ModelException>(() => graph.WithInputShapes(shapes));
        Assert.Contains("its inputs are x", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_symbol_with_two_sizes_is_refused()
    {
        var model = new ProtoModel().Input("a", -1).Input("b", -1).Node("Add", "a b", "y").Output("y", -1);
        model.Graph.Input[1].Type.TensorType.Shape.Dim[0].DimParam = "a_0";
        var shapes = new Dictionary<string, long[]> { ["a"] = [3], ["b"] = [1] };
        var e = Assert.Throws<ModelException>(() => model.Load().Graph.WithInputShapes(shapes));
        Assert.Contains("'a_0'", e.Message, StringComparison.Ordinal);
    }

    /// <summary>(batch, tokens, 8) to (batch, 2 heads, tokens, 4), as exporters write it.</summary>
    private static ProtoModel HeadSplit() => new ProtoModel()
        .Input("x", -1, -1, 8).Int64("i0", [], 0).Int64("i1", [], 1).Int64("ax", [1], 0)
        .Int64("heads", [1], 2).Int64("width", [1], -1)
        .Node("Shape", "x", "s")
        .Node("Gather", "s i0", "b", ProtoModel.Int("axis", 0))
        .Node("Gather", "s i1", "t", ProtoModel.Int("axis", 0))
        .Node("Unsqueeze", "b ax", "b1").Node("Unsqueeze", "t ax", "t1")
        .Node("Concat", "b1 t1 heads width", "shape", ProtoModel.Int("axis", 0))
        .Node("Reshape", "x shape", "split")
        .Node("Transpose", "split", "y", ProtoModel.Ints("perm", 0, 2, 1, 3))
        .Output("y", -1, 2, -1, 4);

    /// <summary>
    /// A mask (batch, tokens) expanded to (batch, 6, tokens), with -1 in the target meaning "as it is".
    /// </summary>
    private static ProtoModel ExpandedMask() => new ProtoModel()
        .Input("x", -1, -1).Int64("axis1", [1], 1).Int64("target", [3], -1, 6, -1)
        .Int64("three", [1], 3).Int64("minus", [], -1).Int64("start", [1], 0).Int64("end", [1], 1)
        .Node("Unsqueeze", "x axis1", "u")
        .Node("Shape", "u", "s")
        .Node("ConstantOfShape", "three", "zeros")
        .Node("Cast", "zeros", "none", ProtoModel.Int("to", 7))
        .Node("Equal", "target minus", "keep")
        .Node("Where", "keep s target", "chosen")
        .Node("Add", "chosen none", "shape")
        .Node("Expand", "u shape", "y")
        .Output("y", -1, 6, -1);
}
