using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>Functions that a model defines for itself are inlined when it is read.</summary>
public sealed class FunctionTests
{
    private const string Own = "own";

    [Fact]
    public void Functions_with_attributes_calls_and_subgraphs_equal_ONNX_Runtime()
    {
        OnnxRuntimePeer.SkipIfAbsent();
        var model = Model().ToBytes();
        var x = Tensor.Float([4], [-2, -0.5f, 0.5f, 2]);
        var (expected, error) = OnnxRuntimePeer.RunAll([(model, new Dictionary<string, Tensor> { ["x"] = x })])[0];
        Assert.True(error is null, error);
        TensorAssert.Close(expected[0], ReferenceInterpreter.Run(ProtoModel.Load(model).Graph, [x])[0], 1e-6, 0, "y");
    }

    [Fact]
    public void Functions_compute_what_their_bodies_say()
    {
        // leaky(x; 0.5) + leaky(x; default 0.25), the sum negated where its mean is negative.
        var y = ReferenceInterpreter.Run(Model().Load().Graph, [Tensor.Float([2], [-4, 1])])[0];
        Assert.Equal([3f, -2], y.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Function_that_calls_itself_is_refused()
    {
        var model = Model();
        model.Proto.Functions[0].Node.Add(Call("Leaky", "x", "again"));
        var refused = Assert.Throws<ModelException>(() => model.Load());
        Assert.Contains("function 'Leaky' lies 9 calls deep", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_that_multiply_are_refused_at_the_limit_of_nodes()
    {
        var model = new ProtoModel().Input("x", 2).Output("y", 2);
        Import(model);
        for (var level = 0; level < 8; level++)
        {
            var function = Function($"F{level}", "x", "y");
            function.Node.AddRange(Enumerable.Range(0, 20).Select(i =>
                level == 7 ? Node("Neg", "x", i == 0 ? "y" : $"v{i}")
                    : Call($"F{level + 1}", "x", i == 0 ? "y" : $"v{i}")));
            model.Proto.Functions.Add(function);
        }

        model.Graph.Node.Add(Call("F0", "x", "y"));
        var refused = Assert.Throws<ModelException>(() => model.Load());
        Assert.Equal(ModelError.LimitExceeded, refused.Error);
        Assert.Contains("models.nodes_max", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_that_multiply_attributes_are_refused_at_the_limit_of_records()
    {
        var model = new ProtoModel().Input("x", 2).Output("y", 2);
        Import(model);
        var function = Function("F", "x", "y");
        var node = Node("Neg", "x", "y");
        node.Attribute.AddRange(Enumerable.Range(0, 1000).Select(i => ProtoModel.Int($"a{i}", 1)));
        function.Node.Add(node);
        model.Proto.Functions.Add(function);
        model.Graph.Node.AddRange(Enumerable.Range(0, 1000).Select(i => Call("F", "x", i == 0 ? "y" : $"v{i}")));
        var limits = new ModelLimits { RecordsMax = 100_000 };
        var refused = Assert.Throws<ModelException>(() => model.Load(limits));
        Assert.Equal(ModelError.LimitExceeded, refused.Error);
        Assert.Contains("the functions of the model come to too many records", refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("models.records_max", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Function_of_another_operator_set_is_refused()
    {
        var model = Model();
        model.Proto.Functions[0].OpsetImport[0].Version = 9;
        Assert.Contains("means opset 9", Assert.Throws<ModelException>(() => model.Load()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Sparse_tensors_become_dense_by_either_form_of_indices()
    {
        var model = new ProtoModel().Input("x", 2, 3).Node("Add", "x a", "s").Node("Add", "s b", "y").Output("y", 2, 3);
        model.Graph.SparseInitializer.Add(Sparse("a", [2], [5, 1]));
        model.Graph.SparseInitializer.Add(Sparse("b", [2, 2], [0, 2, 1, 0]));
        var y = ReferenceInterpreter.Run(model.Load().Graph, [Tensor.Float([2, 3], new float[6])])[0];
        Assert.Equal([0, 20f, 10, 20, 0, 10], y.AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(new long[] { 2 }, new long[] { 6, 0 }, "outside")]
    [InlineData(new long[] { 2, 2 }, new long[] { 0, 3, 1, 0 }, "outside")]
    [InlineData(new long[] { 3 }, new long[] { 0, 1, 2 }, "indices of [3]")]
    public void Sparse_tensors_whose_indices_do_not_fit_are_refused(long[] shape, long[] indices, string why)
    {
        var model = new ProtoModel().Output("a", 2, 3);
        model.Graph.SparseInitializer.Add(Sparse("a", shape, indices));
        Assert.Contains(why, Assert.Throws<ModelException>(() => model.Load()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sparse_tensor_that_would_be_too_large_is_refused()
    {
        var model = new ProtoModel().Output("a", 2, 3);
        var sparse = Sparse("a", [2], [0, 1]);
        sparse.Dims[0] = 1L << 40;
        model.Graph.SparseInitializer.Add(sparse);
        Assert.Equal(ModelError.LimitExceeded, Assert.Throws<ModelException>(() => model.Load()).Error);
    }

    private static SparseTensorProto Sparse(string name, long[] shape, long[] indices) => new()
    {
        Dims = { 2, 3 },
        Values = new TensorProto { Name = name, DataType = 1, Dims = { 2 }, FloatData = { 10, 20 } },
        Indices = new TensorProto { DataType = 7, Dims = { shape }, Int64Data = { indices } },
    };

    private static ProtoModel Model()
    {
        var model = new ProtoModel().Input("x", -1).Output("y", -1);
        Import(model);
        var leaky = Function("Leaky", "x", "y");
        leaky.AttributeProto.Add(Slope(0.25f));
        leaky.Node.Add(Node("LeakyRelu", "x", "y"));
        leaky.Node[0].Attribute.Add(new AttributeProto
        {
            Name = "alpha", Type = AttributeProto.Types.AttributeType.Float, RefAttrName = "slope",
        });
        var both = Function("Both", "x", "y same");
        both.Node.AddRange([Call("Leaky", "x", "a"), Call("Leaky", "x", "b"), Node("Add", "a b", "sum")]);
        both.Node[0].Attribute.Add(Slope(0.5f));
        both.Node.AddRange([Node("ReduceMean", "sum", "mean"), Node("Constant", "", "zero"),
            Node("Less", "mean zero", "isLess"), Node("Reshape", "isLess none", "condition"),
            Node("Constant", "", "none"), Node("If", "condition", "y"), Node("Identity", "sum", "same")]);
        both.Node[4].Attribute.Add(Number("value_float"));
        both.Node[7].Attribute.Add(new AttributeProto
        {
            Name = "value", Type = AttributeProto.Types.AttributeType.Tensor,
            T = new TensorProto { DataType = 7, Dims = { 0 } },
        });
        both.Node[3].Attribute.Add(ProtoModel.Int("keepdims", 0));
        (both.Node[6], both.Node[7]) = (both.Node[7], both.Node[6]);
        var (then, other) = (Branch("then", "Neg"), Branch("else", "Identity"));
        both.Node[8].Attribute.AddRange([then, other]);
        model.Proto.Functions.AddRange([leaky, both]);
        model.Graph.Node.Add(Call("Both", "x", "y unread"));
        return model;
    }

    private static AttributeProto Branch(string name, string op)
    {
        var graph = new GraphProto { Name = name };
        graph.Node.Add(Node(op, "sum", "y0"));
        graph.Output.Add(ProtoModel.Value("y0", -1));
        return new AttributeProto
        {
            Name = $"{name}_branch", Type = AttributeProto.Types.AttributeType.Graph, G = graph,
        };
    }

    private static AttributeProto Slope(float value) => new()
    {
        Name = "slope", Type = AttributeProto.Types.AttributeType.Float, F = value,
    };

    private static AttributeProto Number(string name) => new()
    {
        Name = name, Type = AttributeProto.Types.AttributeType.Float, F = 1e-9f,
    };

    private static void Import(ProtoModel model) =>
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = Own, Version = 1 });

    private static FunctionProto Function(string name, string inputs, string outputs)
    {
        var function = new FunctionProto { Name = name, Domain = Own };
        function.Input.AddRange(inputs.Split(' '));
        function.Output.AddRange(outputs.Split(' '));
        function.OpsetImport.Add(new OperatorSetIdProto { Version = 13 });
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = Own, Version = 1 });
        return function;
    }

    private static NodeProto Node(string op, string inputs, string outputs)
    {
        var node = new NodeProto { OpType = op, Name = $"{op}_{outputs}" };
        node.Input.AddRange(inputs.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        node.Output.AddRange(outputs.Split(' '));
        return node;
    }

    private static NodeProto Call(string function, string inputs, string outputs)
    {
        var node = Node(function, inputs, outputs);
        node.Domain = Own;
        return node;
    }
}
