using Atoll.Devices;

namespace Atoll.Models.Tests;

public sealed class CompiledModelTests
{
    [Fact]
    public void Symbolic_dimensions_are_chosen_by_each_instance()
    {
        var graph = Perceptron();
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        Assert.Equal([-1L, 6], model.Inputs[0].Shape);
        Assert.Contains("give concrete shapes", Assert.Throws<ModelException>(() => model.Instantiate(device)).Message);
        foreach (var batch in new[] { 1L, 7, 1, 32 })
        {
            using var instance = model.Instantiate(device, null, [[batch, 6]]);
            var inputs = CompiledRun.RandomInputs(instance.Inputs.Select(i => i.Spec), new Random(1));
            var expected = ReferenceInterpreter.Run(graph.WithInputShapes(new Dictionary<string,
                long[]> { [model.Inputs[0].Name] = [batch, 6] }), inputs);
            CompiledRun.AssertNear(expected[0], CompiledRun.Run(instance, inputs)[0], 1e-4f, $"batch {batch}");
        }
    }

    [Fact]
    public void Plans_are_kept_for_the_shapes_in_use_and_the_oldest_goes()
    {
        using var model = ModelCompiler.Compile(Perceptron(), new CompileOptions { PlanCacheCapacity = 2 });
        var first = model.Plan([[1, 6]]);
        model.Plan([[2, 6]]);
        Assert.Same(first, model.Plan([[1, 6]]));
        model.Plan([[3, 6]]);
        Assert.Same(first, model.Plan([[1, 6]]));
        model.Plan([[4, 6]]);
        model.Plan([[5, 6]]);
        Assert.NotSame(first, model.Plan([[1, 6]]));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(Perceptron());
        Assert.Throws<ModelException>(() => model.Instantiate(device, null, [[2, 5]]));
        Assert.Throws<ModelException>(() => model.Instantiate(device, null, []));
        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public void Product_whose_scratch_memory_passes_32_bits_is_refused()
    {
        var b = new GraphBuilder(1);
        var row = b.Op("Expand", b.Input(1, 1), b.Ints(1, 1 << 29));
        var column = b.Op("Expand", b.Input(1, 1), b.Ints(1 << 29, 1));
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(b.Build(b.Op("MatMul", row, column)));
        var refusal = Assert.Throws<DeviceException>(() => model.Instantiate(device));
        Assert.Equal(DeviceError.InvalidProgram, refusal.Error);
        Assert.Contains("scratch bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public void Random_tensors_that_come_to_too_much_are_refused()
    {
        var b = new GraphBuilder(1);
        var x = b.Input(8, 8);
        var graph = b.Build(b.Op("Add", b.Op("RandomNormalLike", x), b.Op("RandomUniformLike", x)));
        ModelCompiler.Compile(graph, new CompileOptions { Limits = new ModelLimits { FoldElementsTotalMax = 128 } })
            .Dispose();
        var refusal = Assert.Throws<ModelException>(() => ModelCompiler.Compile(
            graph, new CompileOptions { Limits = new ModelLimits { FoldElementsTotalMax = 127 } }));
        Assert.Contains("models.fold_elements_total_max", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_unsupported_operators_are_named_at_once()
    {
        var b = new GraphBuilder(1);
        var x = b.Input(3);
        foreach (var op in new[] { "Relu", "FrobnicateOne", "FrobnicateTwo" })
        {
            x = b.Op(op, x);
        }

        var graph = new Graph { Name = "odd", Inputs = [], Nodes = [.. Chain(x)], Outputs = [x] };
        var refusal = Assert.Throws<ModelException>(() => ModelCompiler.Compile(graph));
        Assert.Equal(ModelError.UnsupportedOperator, refusal.Error);
        Assert.Contains("FrobnicateOne in node 'FrobnicateOne", refusal.Message);
        Assert.Contains("FrobnicateTwo", refusal.Message);
        Assert.Contains("opset 17", refusal.Message);
        Assert.DoesNotContain("Relu", refusal.Message);
    }

    [Fact]
    public void Instances_share_plain_weights_and_free_their_memory()
    {
        var b = new GraphBuilder(2);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var model = ModelCompiler.Compile(b.Build(b.Op("Gather", b.Weights(1000, 16), b.Input(ElementType.Int64, 4))));
        var first = model.Instantiate(device);
        var one = device.MemoryInUseBytes;
        var second = model.Instantiate(device);
        Assert.True(device.MemoryInUseBytes - one < 1000 * 16 * 4, "the second instance has its own copy of the table");
        first.Dispose();
        model.Dispose();
        Assert.True(device.MemoryInUseBytes > 1000 * 16 * 4, "the table went while an instance was using it");
        second.Dispose();
        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public void A_client_whose_budget_is_too_small_is_refused_and_nothing_leaks()
    {
        var b = new GraphBuilder(3);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(b.Build(b.Op("Exp", b.Op("Relu", b.Input(100, 100)))));
        var client = device.CreateClient("small", 50_000);
        Assert.Equal(DeviceError.ClientBudgetExceeded,
            Assert.Throws<DeviceException>(() => model.Instantiate(device, client)).Error);
        Assert.Equal(0, client.MemoryInUseBytes);
    }

    [Theory]
    [InlineData("MatMul", new long[] { 4, 512 }, new long[] { 512, 512 })]
    [InlineData("Conv", new long[] { 1, 64, 8, 8 }, new long[] { 64, 64, 3, 3 })]
    [InlineData("Conv", new long[] { 1, 256, 8, 8 }, new long[] { 256, 256, 1, 1 })]
    public void Weights_packed_for_kernels_count_in_the_budget(string op, long[] input, long[] weights)
    {
        var b = new GraphBuilder(3);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(b.Build(b.Op(op, b.Input(input), b.Weights(weights))));
        var small = device.CreateClient("small", model.WeightBytes);

        var refused = Assert.Throws<DeviceException>(() => model.Instantiate(device, small));
        Assert.Equal(DeviceError.ClientBudgetExceeded, refused.Error);
        Assert.Equal(0, device.MemoryInUseBytes);
        model.Instantiate(device).Dispose();
        Assert.True(device.MemoryInUseBytes >= model.WeightBytes, "packed weights are not counted");
        model.FreeUnused();
        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public void A_launch_on_the_device_gives_the_same_answer_and_allocates_nothing()
    {
        var graph = RandomGraphs.Residual(5);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        using var instance = model.Instantiate(device);
        var inputs = CompiledRun.RandomInputs(model.Inputs, new Random(5));
        var expected = CompiledRun.Run(instance, inputs)[0].Data;
        instance.Output(0).AsSpan<byte>().Clear();
        using var stream = device.CreateStream(new StreamOptions());
        var launch = new Launch(instance.Program);
        for (var run = 0; run < 3; run++)
        {
            Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
            Assert.Equal(LaunchStatus.Completed, launch.Wait());
        }

        Assert.True(instance.Output(0).AsSpan<byte>().SequenceEqual(expected));
        using var context = BlockContext.CreateUndisturbed();
        var kernels = instance.Program.Kernels.Cast<CpuKernel>().ToArray();
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var kernel in kernels)
        {
            for (var block = 0; block < kernel.Blocks; block++)
            {
                kernel.RunBlock(block, context);
            }
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static Graph Perceptron()
    {
        var b = new GraphBuilder(4);
        var hidden = b.Op("Relu", b.Op("Gemm", b.Input(-1, 6), b.Weights(6, 9), b.Weights(9)));
        return b.Build(b.Op("Softmax", [("axis", -1L)], b.Op("MatMul", hidden, b.Weights(9, 4))));
    }

    private static Stack<GraphNode> Chain(GraphValue value)
    {
        Stack<GraphNode> nodes = [];
        for (var node = value.Producer; node is not null; node = node.Inputs[0]!.Producer)
        {
            nodes.Push(node);
        }

        return nodes;
    }
}
