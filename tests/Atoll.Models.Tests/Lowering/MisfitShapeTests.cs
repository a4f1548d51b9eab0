using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Operands whose sizes do not fit together, where the sizes come with the request: refused with the node, never read
/// past.
/// </summary>
public sealed class MisfitShapeTests
{
    private static readonly Dictionary<string, (Func<GraphBuilder, GraphValue> Graph, long[][] Shapes)> Misfits = new()
    {
        ["GatherElements beside the data"] = (b => b.Op("GatherElements", Open(b, 2), Indices(b, 2)),
            [[2, 3], [2, 5]]),
        ["GatherND of other batches"] = (b => b.Op("GatherND", [("batch_dims", 1L)], Open(b, 3),
            b.Input(ElementType.Int64, -1, -1, 1)), [[2, 3, 4], [5, 2, 1]]),
        ["ScatterElements of fewer updates"] = (b => b.Op("ScatterElements", Open(b, 2), Indices(b, 2), Open(b, 2)),
            [[4, 4], [2, 4], [1, 4]]),
        ["ScatterElements beside the data"] = (b => b.Op("ScatterElements", Open(b, 2), Indices(b, 2), Open(b, 2)),
            [[4, 4], [2, 6], [2, 6]]),
        ["ScatterND of fewer updates"] = (b => b.Op("ScatterND", Open(b, 2), b.Input(ElementType.Int64, -1, 1),
            Open(b, 2)), [[4, 5], [3, 1], [2, 5]]),
        ["ScatterND of narrower updates"] = (b => b.Op("ScatterND", Open(b, 2), b.Input(ElementType.Int64, -1, 1),
            Open(b, 2)), [[4, 5], [3, 1], [3, 4]]),
        ["ReverseSequence of fewer lengths"] = (b => b.Op("ReverseSequence", Open(b, 2), Indices(b, 1)),
            [[4, 3], [2]]),
        ["OneHot of one value"] = (b => b.Op("OneHot", Indices(b, 1), b.Ints(5), Open(b, 1)), [[4], [1]]),
        ["GroupNormalization of one bias"] = (b => b.Op("GroupNormalization", [("num_groups", 2L)], Open(b, 3),
            Open(b, 1), Open(b, 1)), [[2, 6, 5], [6], [1]]),
        ["GroupNormalization of too many scales"] = (b => b.Op("GroupNormalization", [("num_groups", 2L)],
            Open(b, 3), Open(b, 1), Open(b, 1)), [[2, 6, 5], [12], [12]]),
        ["InstanceNormalization of one bias"] = (b => b.Op("InstanceNormalization", Open(b, 3), Open(b, 1),
            Open(b, 1)), [[2, 6, 5], [6], [1]]),
        ["LayerNormalization of a wider scale"] = (b => b.Op("LayerNormalization", Open(b, 2), Open(b, 1)),
            [[2, 1], [5]]),
        ["LSTM with a state of another batch"] = (b => b.Op("LSTM", Open(b, 3), b.Weights(1, 16, 3),
            b.Weights(1, 16, 4), null, null, Open(b, 3)), [[5, 2, 3], [1, 1, 4]]),
        ["LSTM with a cell of another size"] = (b => b.Op("LSTM", Open(b, 3), b.Weights(1, 16, 3),
            b.Weights(1, 16, 4), null, null, null, Open(b, 3)), [[5, 2, 3], [1, 2, 3]]),
        ["GRU with a short bias"] = (b => b.Op("GRU", Open(b, 3), b.Weights(1, 12, 3), b.Weights(1, 12, 4),
            b.Weights(1, 12)), [[5, 2, 3]]),
        ["LSTM with short peepholes"] = (b => b.Op("LSTM", Open(b, 3), b.Weights(1, 16, 3), b.Weights(1, 16, 4),
            null, null, null, null, b.Weights(1, 4)), [[5, 2, 3]]),
        ["RNN with recurrent weights of one direction"] = (b => b.Op("RNN", [("direction", "bidirectional")],
            Open(b, 3), b.Weights(2, 4, 3), b.Weights(1, 4, 4)), [[5, 2, 3]]),
        ["Gather of a known index past the end"] = (b => b.Op("Gather", Open(b, 2), b.Ints(7)), [[4, 3]]),
        ["Gather of a known index before the start"] = (b => b.Op("Gather", Open(b, 2), b.Ints(-5)), [[4, 3]]),
        ["ArgMax over nothing"] = (b => b.Op("ArgMax", Open(b, 2)), [[0, 3]]),
    };

    public static TheoryData<string> Names => [.. Misfits.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Misfit_is_refused_when_its_sizes_are_known(string name)
    {
        var (make, shapes) = Misfits[name];
        var b = new GraphBuilder(1) { Opset = 21 };
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });

        var refusal = Assert.Throws<ModelException>(() =>
        {
            using var model = ModelCompiler.Compile(b.Build(make(b)));
            using var instance = model.Instantiate(device, null, shapes);
        });

        Assert.Equal(ModelError.InvalidShape, refusal.Error);
        Assert.Contains(name.Split(' ')[0], refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void View_of_another_count_is_refused()
    {
        var view = TensorView.RowMajor(new Storage(0, StorageKind.Arena, 400), ElementType.Float32, [10, 10]);
        Assert.Throws<ArgumentException>(() => view.TryReshape([8]));
        Assert.Throws<ArgumentException>(() => view.TryReshape([200]));
        Assert.Throws<ArgumentException>(() => view.TryReshape([0]));
    }

    [Theory]
    [InlineData("RNN", 1)]
    [InlineData("GRU", 3)]
    [InlineData("LSTM", 4)]
    public void Layer_of_no_time_steps_gives_its_initial_states(string layer, int gates)
    {
        var b = new GraphBuilder(3);
        var outputs = b.Ops(layer, layer == "LSTM" ? 3 : 2, [], b.Input(ElementType.Float32, 0, 2, 3),
            b.Weights(1, gates * 4, 3),
            b.Weights(1, gates * 4, 4), null, null, b.Input(1, 2, 4));
        CompiledRun.Check(b.Build(outputs), 3);
        var zero = new GraphBuilder(4);
        CompiledRun.Check(zero.Build(zero.Ops(layer, layer == "LSTM" ? 3 : 2, [],
            zero.Input(ElementType.Float32, 0, 2, 3),
            zero.Weights(1, gates * 4, 3), zero.Weights(1, gates * 4, 4))), 4);
    }

    [Fact]
    public void More_time_steps_than_a_plan_may_have_are_refused_with_the_setting()
    {
        var b = new GraphBuilder(1);
        var graph = b.Build(b.Op("LSTM", Open(b, 3), b.Weights(1, 16, 3), b.Weights(1, 16, 4)));
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var options = new CompileOptions { Limits = ModelLimits.Default with { PlanStepsMax = 50 } };
        using var model = ModelCompiler.Compile(graph, options);
        model.Instantiate(device, null, [[40, 1, 3]]).Dispose();

        var refusal = Assert.Throws<ModelException>(() => model.Instantiate(device, null, [[1_000_000, 1, 3]]));

        Assert.Equal(ModelError.LimitExceeded, refusal.Error);
        Assert.Contains("the limit is 50 (setting models.plan_steps_max)", refusal.Message, StringComparison.Ordinal);
        using var hybrid = HybridModel.Compile(graph, options);
        Assert.Equal(ModelError.LimitExceeded, Assert.Throws<ModelException>(() => hybrid.Plan(hybrid.Graph,
            [new TensorInfo(ElementType.Float32, [1000, 1, 3])])).Error);
    }

    private static GraphValue Open(GraphBuilder b, int rank) => b.Input([.. Enumerable.Repeat(-1L, rank)]);

    private static GraphValue Indices(GraphBuilder b, int rank) =>
        b.Input(ElementType.Int64, [.. Enumerable.Repeat(-1L, rank)]);
}
