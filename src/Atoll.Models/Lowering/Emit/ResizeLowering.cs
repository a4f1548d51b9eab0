using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Resize and Upsample: one step for each axis that changes, the axis that shrinks most first.</summary>
internal static class ResizeLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
        [("Resize", Resize), ("Upsample", Resize)];

    private static void Resize(GraphNode node, LoweringContext context)
    {
        var taps = ResizeOperators.Taps(OperatorCall.Of(node)) ?? throw new ModelException(
            ModelError.UnsupportedOperator,
            $"{node} (opset {node.Opset}): scales or sizes must be known when the model is compiled");
        var x = context.Input(node, 0);
        var order = ElementwiseLowering.OrderOf([x]);
        int[] axes = order == MemoryOrder.ChannelsLast
            ? [0, .. Enumerable.Range(2, x.Rank - 2), 1] : [.. Enumerable.Range(0, x.Rank)];
        bool IsDense(TensorView view) => view.Permute(axes).IsRowMajor;
        x = context.Densify(node.Name, x, order, IsDense);
        int[] changed = [.. axes.Where(a => !taps[a].IsIdentity)
            .OrderBy(a => (double)taps[a].Output / taps[a].Input)];
        if (x.Type != ElementType.Float32 &&
            Array.Exists(changed, a => taps[a].PerOutput != 1 || taps[a].Outside.Contains(true)))
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): only floats are interpolated, not {x.Type}");
        }

        foreach (var axis in changed)
        {
            var shape = (long[])x.Shape.Clone();
            shape[axis] = taps[axis].Output;
            var y = axis == changed[^1] ? context.Output(node, order, [x], IsDense)
                : context.Temporary(x.Type, shape, order);
            var fill = node.Attributes.Float("extrapolation_value");
            AddStep(context, $"{node.Name}.{axis}", (Lines(x, axes, axis), Lines(y, axes, axis)),
                new AxisTaps(taps[axis].Indices, taps[axis].Weights, taps[axis].PerOutput, taps[axis].Outside, fill));
            x = y;
        }

        if (changed.Length == 0)
        {
            context.Bind(node.Out(), x);
        }
    }

    private static void AddStep(LoweringContext context, string name, (TensorView X, TensorView Y) views,
        AxisTaps taps) => context.Add(new LoweredStep
        {
            Name = name,
            Reads = [views.X],
            Writes = [views.Y],
            Emit = binding => [Resizing.Create(name, binding.Ref(views.X), binding.Ref(views.Y), taps)],
        });

    // (outer, axis, inner) in the order of memory.
    private static TensorView Lines(TensorView view, int[] axes, int axis)
    {
        var sorted = view.Permute(axes);
        var place = Array.IndexOf(axes, axis);
        return sorted.TryReshape([sorted.Shape[..place].Aggregate(1L, (a, b) => a * b), sorted.Shape[place],
            sorted.Shape[(place + 1)..].Aggregate(1L, (a, b) => a * b)])!;
    }
}
