namespace Atoll.Models;

/// <summary>
/// Operators that only look at the same memory otherwise: no kernel runs where strides can express the result.
/// </summary>
internal static class ViewLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("Reshape", Reshape), ("Flatten", Reshape), ("Squeeze", Reshape), ("Unsqueeze", Reshape),
            ("Transpose", Transpose),
        ("Expand", Expand), ("Slice", Slice), ("Split", Split),
    ];

    // The output's shape is inferred, so all the reshaping operators are one.
    private static void Reshape(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var shape = node.Out().Shape!;
        if (x.TryReshape(shape) is { } view)
        {
            context.Bind(node.Out(), view);
            return;
        }

        // A copy in row-major order, straight into the output where that is dense.
        var y = context.Output(node, MemoryOrder.RowMajor, [x], v => v.IsRowMajor);
        context.AddCopy(node.Name, x, y.TryReshape(x.Shape)!);
    }

    private static void Transpose(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var permutation = node.Attributes.Ints("perm");
        int[] order = permutation.Length > 0
            ? [.. permutation.Select(p => (int)p)]
            : [.. Enumerable.Range(0, x.Rank).Reverse()];
        context.Bind(node.Out(), x.Permute(order));
    }

    private static void Expand(GraphNode node, LoweringContext context) =>
        context.Bind(node.Out(), context.Input(node, 0).Broadcast(node.Out().Shape!));

    private static void Slice(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var starts = Required(node, "starts", 1);
        var axes = node.IntsOf("axes", 3) ?? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        var steps = node.IntsOf("steps", 4) ?? [.. starts.Select(_ => 1L)];
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = (int)(axes[i] < 0 ? axes[i] + x.Rank : axes[i]);
            var (size, step) = (x.Shape[axis], steps[i]);
            var start = starts[i] < 0 ? starts[i] + size : starts[i];
            start = step > 0 ? Math.Clamp(start, 0, size) : Math.Clamp(start, -1, size - 1);
            var count = node.Out().Shape![axis];
            x = x.Narrow(axis, count == 0 ? 0 : start, count, step);
        }

        context.Bind(node.Out(), x);
    }

    private static void Split(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var axis = (int)node.Attributes.Int("axis");
        axis = axis < 0 ? axis + x.Rank : axis;
        var start = 0L;
        foreach (var output in node.Outputs.OfType<GraphValue>())
        {
            var count = output.Shape![axis];
            context.Bind(output, x.Narrow(axis, start, count));
            start += count;
        }
    }

    private static long[] Required(GraphNode node, string attribute, int input) => node.IntsOf(attribute, input)
        ?? throw new ModelException(ModelError.UnsupportedOperator,
            $"{node} (opset {node.Opset}): '{attribute}' must be known when the model is compiled");
}
