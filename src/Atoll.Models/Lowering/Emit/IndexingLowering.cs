using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Operators that read, write or order by indices; their tensors are made dense.</summary>
internal static class IndexingLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("GatherElements", GatherElements), ("GatherND", GatherTuples), ("ScatterElements", ScatterElements),
        ("Scatter", ScatterElements), ("ScatterND", ScatterTuples), ("OneHot", OneHot),
        ("ReverseSequence", ReverseSequence), ("TopK", TopK), ("CumSum", CumulativeSum), ("Hardmax", Hardmax),
        ("GridSample", GridSample),
    ];

    private static TensorView Dense(GraphNode node, LoweringContext context, int input) =>
        context.Densify($"{node.Name}.{input}", context.Input(node, input), MemoryOrder.RowMajor);

    private static int Axis(GraphNode node, long axis, int rank) => OperatorCall.Of(node).Axis(axis, rank);

    private static TensorView Output(GraphNode node, LoweringContext context, TensorView[] reads, int index = 0) =>
        context.Output(node, MemoryOrder.RowMajor, reads, v => v.IsRowMajor, index);

    private static ModelException Unsupported(GraphNode node, string why) =>
        new(ModelError.UnsupportedOperator, $"{node} (opset {node.Opset}): {why}");

    private static void RequireIndices(GraphNode node, TensorView indices)
    {
        if (indices.Type is not (ElementType.Int32 or ElementType.Int64))
        {
            throw Unsupported(node, $"indices of {indices.Type} are not supported");
        }
    }

    private static void GatherElements(GraphNode node, LoweringContext context)
    {
        var (x, indices) = (context.Input(node, 0), Dense(node, context, 1));
        var axis = Axis(node, node.Attributes.Int("axis"), x.Rank);
        var y = Output(node, context, [x, indices]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x, indices],
            Writes = [y],
            Emit = b => [Indexing.GatherElements(node.Name, b.Ref(x), b.Ref(indices), axis, b.Ref(y))],
        });
    }

    private static void GatherTuples(GraphNode node, LoweringContext context)
    {
        var (x, indices) = (Dense(node, context, 0), Dense(node, context, 1));
        var batch = (int)node.Attributes.Int("batch_dims");
        var y = Output(node, context, [x, indices]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x, indices],
            Writes = [y],
            Emit = b => [Indexing.GatherTuples(node.Name, b.Ref(x), b.Ref(indices), batch, b.Ref(y))],
        });
    }

    private static void ScatterElements(GraphNode node, LoweringContext context)
    {
        var axis = Axis(node, node.Attributes.Int("axis"), node.Out().Shape!.Length);
        AddScatter(node, context, (reduction, type, operands) =>
            Indexing.ScatterElements(node.Name, reduction, type, operands, axis));
    }

    private static void ScatterTuples(GraphNode node, LoweringContext context) =>
        AddScatter(node, context, (reduction, type, operands) =>
            Indexing.ScatterTuples(node.Name, reduction, type, operands));

    private static void AddScatter(GraphNode node, LoweringContext context,
        Func<ScatterReduction, ScalarType, ScatterOperands, Devices.CpuKernel> make)
    {
        var (x, indices, updates) = (Dense(node, context, 0), Dense(node, context, 1), Dense(node, context, 2));
        var reduction = node.Attributes.Text("reduction", "none") switch
        {
            "none" => ScatterReduction.None,
            "add" => ScatterReduction.Add,
            "mul" => ScatterReduction.Multiply,
            "min" => ScatterReduction.Minimum,
            "max" => ScatterReduction.Maximum,
            var other => throw Unsupported(node, $"the reduction '{other}' is not known"),
        };
        TensorView[] reads = [x, indices, updates];
        var y = Output(node, context, reads);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = b => [make(reduction, (ScalarType)x.Type,
                new ScatterOperands(b.Ref(x), b.Ref(indices), b.Ref(updates), b.Ref(y)))],
        });
    }

    private static void OneHot(GraphNode node, LoweringContext context)
    {
        var (indices, values) = (Dense(node, context, 0), Dense(node, context, 2));
        RequireIndices(node, indices);
        var y = Output(node, context, [indices, values]);
        var axis = Axis(node, node.Attributes.Int("axis", -1), y.Rank);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [indices, values],
            Writes = [y],
            Emit = b => [Indexing.OneHot(node.Name, b.Ref(indices), b.Ref(values), axis, b.Ref(y))],
        });
    }

    private static void ReverseSequence(GraphNode node, LoweringContext context)
    {
        var (x, lengths) = (Dense(node, context, 0), Dense(node, context, 1));
        var (time, batch) = (Axis(node, node.Attributes.Int("time_axis"), x.Rank),
            Axis(node, node.Attributes.Int("batch_axis", 1), x.Rank));
        if (time + batch != 1)
        {
            throw Unsupported(node, "time and batch must be the first two axes");
        }

        var y = Output(node, context, [x, lengths]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x, lengths],
            Writes = [y],
            Emit = b => [Indexing.ReverseSequence(node.Name, b.Ref(x), b.Ref(lengths), time == 0, b.Ref(y))],
        });
    }

    // (outer, n, inner) around an axis.
    private static TensorView Lines(TensorView view, int axis) => view.TryReshape(
        [view.Shape[..axis].Aggregate(1L, (a, b) => a * b), view.Shape[axis],
            view.Shape[(axis + 1)..].Aggregate(1L, (a, b) => a * b)])!;

    private static void TopK(GraphNode node, LoweringContext context)
    {
        var x = Dense(node, context, 0);
        var axis = Axis(node, node.Attributes.Int("axis", -1), x.Rank);
        var largest = node.Opset < 11 || node.Attributes.Int("largest", 1) != 0;
        var shape = (node.Outputs[0] ?? node.Outputs[1])!.Shape!;
        var values = node.Outputs[0] is null ? context.Temporary(x.Type, shape) : Output(node, context, [x]);
        var indices = node.Outputs is [_, not null, ..] ? Output(node, context, [x], 1)
            : context.Temporary(ElementType.Int64, shape);
        var (lines, top, places) = (Lines(x, axis), Lines(values, axis), Lines(indices, axis));
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [lines],
            Writes = [top, places],
            Emit = b => [Ordering.TopK(node.Name, largest, (ScalarType)x.Type, b.Ref(lines), b.Ref(top),
                b.Ref(places))],
        });
    }

    private static void CumulativeSum(GraphNode node, LoweringContext context)
    {
        if (node.In(1)?.Constant is null)
        {
            throw Unsupported(node, "the axis must be known when the model is compiled");
        }

        var x = Dense(node, context, 0);
        var axis = Axis(node, OperatorCall.Of(node).IntsOf(1)[0], x.Rank);
        var (exclusive, reverse) = (node.Attributes.Int("exclusive") != 0, node.Attributes.Int("reverse") != 0);
        AddLines(node, context, (Lines(x, axis), Lines(Output(node, context, [x]), axis)), (from, to) =>
            Ordering.CumulativeSum(node.Name, (ScalarType)x.Type, from, to, exclusive, reverse));
    }

    private static void Hardmax(GraphNode node, LoweringContext context)
    {
        var x = Dense(node, context, 0);
        var axis = Axis(node, node.Attributes.Int("axis", node.Opset < 13 ? 1 : -1), x.Rank);
        var y = Output(node, context, [x]);
        long[] flat = [x.Shape[..axis].Aggregate(1L, (a, b) => a * b), x.Shape[axis..].Aggregate(1L, (a, b) => a * b),
            1];
        var (from, to) = node.Opset < 13 ? (x.TryReshape(flat)!, y.TryReshape(flat)!)
            : (Lines(x, axis), Lines(y, axis));
        AddLines(node, context, (from, to), (a, b) => Ordering.Hardmax(node.Name, a, b));
    }

    private static void AddLines(GraphNode node, LoweringContext context, (TensorView X, TensorView Y) views,
        Func<TensorRef, TensorRef, Devices.CpuKernel> make) => context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [views.X],
            Writes = [views.Y],
            Emit = b => [make(b.Ref(views.X), b.Ref(views.Y))],
        });

    private static void GridSample(GraphNode node, LoweringContext context)
    {
        var (x, grid) = (context.Input(node, 0), Dense(node, context, 1));
        var sampling = Models.GridSampling.Of(OperatorCall.Of(node));
        var options = new SampleOptions(
            sampling.Mode switch { "nearest" => SampleMode.Nearest, "linear" => SampleMode.Linear, _ =>
                SampleMode.Cubic },
            sampling.Padding switch { "zeros" => SamplePadding.Zeros, "border" => SamplePadding.Border, _ =>
                SamplePadding.Reflection }, sampling.AlignCorners);
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), [x, grid]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x, grid],
            Writes = [y],
            Emit = b => [Kernels.GridSampling.Create(node.Name, b.Ref(x), b.Ref(grid), b.Ref(y), options)],
        });
    }
}
