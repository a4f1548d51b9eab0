using Atoll.Devices;
using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>Models that run partly on the host, against the interpreter and against their limits.</summary>
public sealed class HybridModelTests(CompiledTestDataTests.SharedDevice shared, ITestOutputHelper output)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    private static readonly CompileOptions AllIslands = new() { IslandElementsMin = 0, CheckPlans = true };

    [Fact]
    public void Strings_become_numbers_and_back()
    {
        var graph = new ProtoModel().Input("s", -1).Node("Cast", "s", "n", ProtoModel.Int("to", 6))
            .Node("Add", "n n", "d").Node("Cast", "d", "t", ProtoModel.Int("to", 8)).Output("t", -1);
        graph.Graph.Input[0].Type.TensorType.ElemType = 8;
        graph.Graph.Output[0].Type.TensorType.ElemType = 8;

        var results = ProductRun.Run(graph.Load().Graph, [Tensor.OfStrings([3], ["1", "-20", "7"])], shared.Device);

        Assert.Equal(["2", "-40", "14"], ((Tensor)results[0]).Strings());
    }

    [Fact]
    public void String_that_is_no_number_is_refused_with_the_node()
    {
        var graph = new ProtoModel().Input("s", -1).Node("Cast", "s", "n", ProtoModel.Int("to", 1)).Output("n", -1);
        graph.Graph.Input[0].Type.TensorType.ElemType = 8;

        var refusal = Assert.Throws<ModelException>(() =>
            ProductRun.Run(graph.Load().Graph, [Tensor.OfStrings([1], ["one"])], shared.Device));

        Assert.Contains("Cast_0", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'one' is no Float32", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_are_chosen_by_value_are_multiplied_on_the_device()
    {
        var graph = Chosen();
        using var model = HybridModel.Compile(graph, AllIslands);
        using var instance = model.Instantiate(shared.Device);
        foreach (var seed in Enumerable.Range(1, 6))
        {
            var input = CompiledRun.RandomInputs(model.Inputs, new Random(seed));
            var expected = ReferenceInterpreter.Run(graph, input)[0];
            var actual = (Tensor)Run(instance, input).Outputs[0];
            CompiledRun.AssertNear(expected, actual, 1e-4f, $"seed {seed}");
        }

        var first = model.Plan(model.Graph, [new TensorInfo(ElementType.Float32, [5, 8])]);
        Assert.NotNull(first.Rest);
        Assert.Contains(first.Steps, step => step.Node.Operator == "NonZero");
        Assert.DoesNotContain(first.Rest.Nodes, node => node.Operator == "NonZero");
    }

    [Fact]
    public void Loop_runs_its_body_on_the_device_with_the_weights_that_it_captures()
    {
        var graph = PowerLoop().Load().Graph;
        using var model = HybridModel.Compile(graph, AllIslands);
        using var instance = model.Instantiate(shared.Device);
        var body = model.Graph.Nodes.Single(n => n.Operator == "Loop").Attributes.Graph("body");
        ModelValue[] inputs = [Tensor.Int64([], [5]), Tensor.Float([1, 2], [1, 2])];

        var outcome = Run(instance, inputs);

        Assert.Equal(LaunchStatus.Completed, outcome.Status);
        // x [[1,1],[0,1]] five times: the second number grows by the first each time.
        Assert.Equal([1f, 7f], ((Tensor)outcome.Outputs[0]).AsSpan<float>().ToArray());
        Assert.Equal([5L, 1, 2], ((Tensor)outcome.Outputs[1]).Shape);
        Assert.Equal([0, 1, 2], model.Subgraph(body).Fed);
        var plan = model.Subgraph(body).Model;
        Assert.NotNull(plan.Plan(plan.Graph, [new(ElementType.Int64, []), new(ElementType.Bool, []),
            new(ElementType.Float32, [1, 2])]).Island);
    }

    [Fact]
    public void Loop_past_the_limit_names_the_setting()
    {
        var refusal = Assert.Throws<ModelException>(() => ProductRun.RunHybrid(PowerLoop().Load().Graph,
            [Tensor.Int64([], [1000]), Tensor.Float([1, 2], [1, 2])], shared.Device,
            new CompileOptions { Limits = new ModelLimits { LoopIterationsMax = 99 } }));

        Assert.Contains("models.loop_iterations_max", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_past_the_limit_name_the_setting()
    {
        var refusal = Assert.Throws<ModelException>(() => ProductRun.RunHybrid(PowerLoop().Load().Graph,
            [Tensor.Int64([], [1000]), Tensor.Float([1, 2], [1, 2])], shared.Device,
            new CompileOptions { Limits = new ModelLimits { HostBytesMax = 400 } }));

        Assert.Contains("models.host_bytes_max", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_ends_a_loop_without_end()
    {
        var options = new CompileOptions { Limits = new ModelLimits { LoopIterationsMax = long.MaxValue } };
        using var model = HybridModel.Compile(EndlessLoop().Load().Graph, options);
        using var instance = model.Instantiate(shared.Device);
        using var stream = shared.Device.CreateStream(new StreamOptions());
        using var end = new CancellationTokenSource();
        var running = Task.Run(async () =>
            await instance.RunAsync([Tensor.Float([1, 2], [1, 2])], stream, 0, end.Token), CancellationToken.None);

        await end.CancelAsync();

        Assert.Equal(LaunchStatus.Cancelled, (await running).Status);
    }

    [Fact]
    public void Graphs_that_lie_too_deep_are_refused()
    {
        var graph = new GraphProto { Name = "innermost" };
        for (var depth = 0; depth < 4; depth++)
        {
            graph = Nest(graph);
        }

        var model = new ProtoModel().Input("x", 1);
        model.Graph.Node.Add(graph.Node);
        var refusal = Assert.Throws<ModelException>(() => model.Load(new ModelLimits { SubgraphDepthMax = 3 }));

        Assert.Contains("models.subgraph_depth_max", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Branch_whose_condition_follows_from_shapes_leaves_one_static_program()
    {
        var then = new GraphProto { Name = "then", Output = { new ValueInfoProto { Name = "a" } } };
        then.Node.Add(new NodeProto { OpType = "Relu", Input = { "x" }, Output = { "a" } });
        var other = new GraphProto { Name = "else", Output = { new ValueInfoProto { Name = "b" } } };
        other.Node.Add(new NodeProto { OpType = "Neg", Input = { "x" }, Output = { "b" } });
        var model = new ProtoModel().Input("x", 2, 3).Int64("two", [1], 2).Node("Shape", "x", "s")
            .Int64("zero", [1], 0).Node("Gather", "s zero", "rows").Node("Equal", "rows two", "c")
            .Node("If", "c", "y", ProtoModel.Subgraph("then_branch", then), ProtoModel.Subgraph("else_branch", other))
                .Output("y", 2, 3);

        using var whole = ModelCompiler.TryCompileWhole(model.Load().Graph, shared.Device);

        Assert.NotNull(whole);
    }

    /// <summary>The same cases with every group of operators that can be on the device there.</summary>
    [Fact]
    public void Node_cases_pass_with_all_that_can_be_on_the_device()
    {
        Assert.SkipUnless(Directory.Exists(OnnxTestData.Root), "the Debian package libonnx-testdata is not installed");
        var failures = new List<string>();
        foreach (var name in NodeCaseTests.Cases.Select(row => row.Data))
        {
            if (UnpassedNodeCases.All.ContainsKey(Path.GetFileName(name)))
            {
                continue;
            }

            try
            {
                OnnxTestData.RunFile(name, (graph, inputs) =>
                    ProductRun.RunHybrid(graph, inputs, shared.Device, AllIslands));
            }
            catch (Exception e) when (e is ModelException or Xunit.Sdk.XunitException)
            {
                failures.Add($"{name}: {e.Message}");
            }
        }

        output.WriteLine($"{failures.Count} failures");
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    private HybridOutcome Run(HybridInstance instance, IReadOnlyList<ModelValue> inputs)
    {
        using var stream = shared.Device.CreateStream(new StreamOptions());
        return instance.RunAsync(inputs, stream).AsTask().GetAwaiter().GetResult();
    }

    /// <summary>The rows whose first number is positive, times a matrix.</summary>
    private static Graph Chosen()
    {
        var builder = new GraphBuilder(7);
        var x = builder.Input(5, 8);
        var first = builder.Op("Squeeze", builder.Op("Slice", x, builder.Ints(0), builder.Ints(1), builder.Ints(1)),
            builder.Ints(1));
        var rows = builder.Op("NonZero", builder.Op("Relu", first));
        var chosen = builder.Op("Gather", x, builder.Op("Squeeze", rows, builder.Ints(0)));
        return builder.Build(builder.Op("Relu", builder.Op("MatMul", chosen, builder.Weights(8, 4))));
    }

    /// <summary>x times a matrix, as often as asked; all powers are stacked too.</summary>
    private static ProtoModel PowerLoop()
    {
        var body = new GraphProto { Name = "body" };
        body.Input.Add([new() { Name = "i" }, new() { Name = "go" }, new() { Name = "v" }]);
        body.Node.Add(new NodeProto { OpType = "MatMul", Input = { "v", "m" }, Output = { "next" } });
        body.Node.Add(new NodeProto { OpType = "Identity", Input = { "next" }, Output = { "all" } });
        body.Output.Add([new() { Name = "go" }, new() { Name = "next" }, new() { Name = "all" }]);
        var model = new ProtoModel().Input("n").Input("x", 1, 2).Float("m", [2, 2], 1, 1, 0, 1)
            .Node("Loop", "n - x", "last stack", ProtoModel.Subgraph("body", body)).Output("last", 1, 2)
                .Output("stack", -1, 1, 2);
        model.Graph.Input[0].Type.TensorType.ElemType = 7;
        return model;
    }

    private static ProtoModel EndlessLoop()
    {
        var body = new GraphProto { Name = "body" };
        body.Input.Add([new() { Name = "i" }, new() { Name = "go" }, new() { Name = "v" }]);
        body.Node.Add(new NodeProto { OpType = "Neg", Input = { "v" }, Output = { "next" } });
        body.Output.Add([new() { Name = "go" }, new() { Name = "next" }]);
        return new ProtoModel().Input("x", 1, 2).Node("Loop", "- - x", "last", ProtoModel.Subgraph("body", body))
            .Output("last", 1, 2);
    }

    private static GraphProto Nest(GraphProto inner)
    {
        var graph = new GraphProto { Name = "level" };
        graph.Node.Add(
            new NodeProto { OpType = "If", Input = { "x" },
            Attribute = { ProtoModel.Subgraph("then_branch", inner) } });
        return graph;
    }
}
