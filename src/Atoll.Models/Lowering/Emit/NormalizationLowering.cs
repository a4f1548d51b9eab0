using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Softmax and the normalizations whose statistics are computed at run time.</summary>
internal static class NormalizationLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("Softmax", Softmax(false)), ("LogSoftmax", Softmax(true)), ("LayerNormalization", Layer),
        ("InstanceNormalization", Instance), ("GroupNormalization", Group), ("LRN", LocalResponse),
    ];

    private static NodeLowering Softmax(bool logarithm) => (node, context) =>
    {
        var x = context.Input(node, 0);
        var axis = (int)node.Attributes.Int("axis", node.Opset >= 13 ? -1 : 1);
        axis = axis < 0 ? axis + x.Rank : axis;
        if (node.Opset < 13 && axis < x.Rank - 1)
        {
            FlatSoftmax(node, context, x, axis, logarithm);
            return;
        }

        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), [x]);
        AddSoftmax(node, context, x, y, axis, logarithm);
    };

    // Before opset 13 the axes from the given one on count as one.
    private static void FlatSoftmax(GraphNode node, LoweringContext context, TensorView x, int axis, bool logarithm)
    {
        long[] flat = [x.Shape[..axis].Aggregate(1L, (a, b) => a * b), x.Shape[axis..].Aggregate(1L, (a, b) => a * b)];
        x = context.Densify(node.Name, x, MemoryOrder.RowMajor, v => v.TryReshape(flat) is not null);
        var y = context.Output(node, MemoryOrder.RowMajor, [x], v => v.TryReshape(flat) is not null);
        AddSoftmax(node, context, x.TryReshape(flat)!, y.TryReshape(flat)!, 1, logarithm);
    }

    private static void AddSoftmax(GraphNode node, LoweringContext context, TensorView x, TensorView y, int axis,
        bool logarithm) =>
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x],
            Writes = [y],
            Emit = binding => [Normalization.Softmax(node.Name, binding.Ref(x), axis, binding.Ref(y), logarithm)],
        });

    private static void Layer(GraphNode node, LoweringContext context)
    {
        if (node.Outputs.Skip(1).Any(o => o is not null))
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): the mean and deviation outputs are not supported");
        }

        var axis = (int)node.Attributes.Int("axis", -1);
        var epsilon = node.Attributes.Float("epsilon", 1e-5f);
        var x = context.Densify(node.Name, context.Input(node, 0), MemoryOrder.RowMajor);
        var scale = context.Densify($"{node.Name}.scale", context.Input(node, 1), MemoryOrder.RowMajor);
        var shift = context.TryInput(node, 2) is { } s ? context.Densify($"{node.Name}.shift", s, MemoryOrder.RowMajor)
            : null;
        TensorView[] reads = shift is null ? [x, scale] : [x, scale, shift];
        var y = context.Output(node, MemoryOrder.RowMajor, reads, v => v.IsRowMajor);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding =>
            [
                Normalization.Layer(node.Name, binding.Ref(x), axis, binding.Ref(scale),
                    shift is null ? null : binding.Ref(shift), binding.Ref(y), epsilon),
            ],
        });
    }

    private static void Instance(GraphNode node, LoweringContext context) => AddGroups(node, context, 0);

    private static void Group(GraphNode node, LoweringContext context) =>
        AddGroups(node, context, node.Attributes.Int("num_groups"));

    // The kernel sees (N, groups, channels of a group, space); no group count means one channel in each.
    private static void AddGroups(GraphNode node, LoweringContext context, long groups)
    {
        var x = context.Input(node, 0);
        groups = groups == 0 ? x.Shape[1] : groups;
        long[] grouped = [x.Shape[0], groups, x.Shape[1] / groups, x.Shape[2..].Aggregate(1L, (a, b) => a * b)];
        x = context.Densify(node.Name, x, MemoryOrder.RowMajor, v => v.TryReshape(grouped) is not null);
        var scale = context.Densify($"{node.Name}.scale", context.Input(node, 1), MemoryOrder.RowMajor);
        var shift = context.Densify($"{node.Name}.shift", context.Input(node, 2), MemoryOrder.RowMajor);
        if (scale.ElementCount != x.Shape[1] || shift.ElementCount != x.Shape[1])
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): one scale and bias per channel are supported, not " +
                $"{scale.ElementCount} and {shift.ElementCount} for {x.Shape[1]} channels");
        }

        TensorView[] reads = [x, scale, shift];
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), reads, v => v.TryReshape(grouped) is not null);
        var (from, to) = (x.TryReshape(grouped)!, y.TryReshape(grouped)!);
        var epsilon = node.Attributes.Float("epsilon", 1e-5f);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding =>
            [
                Normalization.Group(
                    node.Name, binding.Ref(from), binding.Ref(scale), binding.Ref(shift), binding.Ref(to), epsilon),
            ],
        });
    }

    // The kernel sees images of two axes; the first of several may be merged, and a missing one is of one line.
    private static void LocalResponse(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        long[] image = [x.Shape[0], x.Shape[1], x.Shape[2..^1].Aggregate(1L, (a, b) => a * b), x.Shape[^1]];
        x = context.Densify(node.Name, x, MemoryOrder.RowMajor, v => v.TryReshape(image) is not null);
        var attributes = node.Attributes;
        var options = new LocalResponseOptions((int)attributes.Int("size"), attributes.Float("alpha", 1e-4f),
            attributes.Float("beta", 0.75f), attributes.Float("bias", 1));
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), [x], v => v.TryReshape(image) is not null);
        var (from, to) = (x.TryReshape(image)!, y.TryReshape(image)!);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x],
            Writes = [y],
            Emit = binding => [Normalization.LocalResponse(node.Name, binding.Ref(from), binding.Ref(to), options)],
        });
    }
}
