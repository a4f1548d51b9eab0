using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Reductions over axes and the index of an extreme element.</summary>
internal static class ReductionLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("ReduceSum", Reduce(ReductionOperator.Sum)), ("ReduceMean", Reduce(ReductionOperator.Mean)),
        ("ReduceMax", Reduce(ReductionOperator.Maximum)), ("ReduceMin", Reduce(ReductionOperator.Minimum)),
        ("ReduceProd", Reduce(ReductionOperator.Product)), ("ReduceSumSquare", Reduce(ReductionOperator.SumOfSquares)),
        ("ReduceL1", Reduce(ReductionOperator.L1)), ("ReduceL2", Reduce(ReductionOperator.L2)),
        ("ReduceLogSum", Reduce(ReductionOperator.LogSum)), ("ReduceLogSumExp", Reduce(ReductionOperator.LogSumExp)),
        ("ArgMax", ArgExtreme(true)), ("ArgMin", ArgExtreme(false)),
    ];

    private static NodeLowering Reduce(ReductionOperator function) => (node, context) =>
    {
        var x = context.Input(node, 0);
        var axes = AxesOf(node, x.Rank);
        if (axes.Length == 0)
        {
            context.Bind(node.Out(), x);
            return;
        }

        var order = node.Out().Shape!.Length == x.Rank ? ElementwiseLowering.OrderOf([x]) : MemoryOrder.RowMajor;
        var y = context.Output(node, order, [x]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x],
            Writes = [y],
            Emit = binding => [Reduction.Create(node.Name, function, (ScalarType)x.Type, binding.Ref(x), axes,
                binding.Ref(y))],
        });
    };

    private static int[] AxesOf(GraphNode node, int rank)
    {
        if (node.In(1) is { IsConstant: false })
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): the axes must be known when the model is compiled");
        }

        var axes = node.IntsOf("axes", 1) ?? [];
        if (axes.Length == 0)
        {
            return node.Attributes.Int("noop_with_empty_axes") != 0 ? [] : [.. Enumerable.Range(0, rank)];
        }

        return [.. axes.Select(a => (int)(a < 0 ? a + rank : a)).Distinct().Order()];
    }

    private static NodeLowering ArgExtreme(bool largest) => (node, context) =>
    {
        var x = context.Input(node, 0);
        var axis = (int)node.Attributes.Int("axis");
        axis = axis < 0 ? axis + x.Rank : axis;
        var selectLast = node.Attributes.Int("select_last_index") != 0;
        var y = context.Output(node, MemoryOrder.RowMajor, [x]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x],
            Writes = [y],
            Emit = binding =>
            [
                Reduction.ArgExtreme(node.Name, largest, selectLast, (ScalarType)x.Type, binding.Ref(x), axis,
                    binding.Ref(y)),
            ],
        });
    };
}
