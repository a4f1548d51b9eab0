namespace Atoll.Models;

/// <summary>
/// Concatenation: parts that were written in place cost nothing, neighbours in memory are joined, the rest is copied.
/// </summary>
internal static class ConcatLowering
{
    public static void Lower(GraphNode node, LoweringContext context)
    {
        var axis = ConcatPlacement.AxisOf(node);
        var parts = Enumerable.Range(0, node.Inputs.Count).Select(i => context.Input(node, i))
            .Where(p => p.Shape[axis] > 0).ToArray();
        if (TryJoin(parts, axis, node.Out().Shape!) is { } joined)
        {
            context.Bind(node.Out(), joined);
            return;
        }

        var whole = context.Concatenation(node, ElementwiseLowering.OrderOf(parts));
        var start = 0L;
        for (var i = 0; i < parts.Length; i++)
        {
            var place = whole.Narrow(axis, start, parts[i].Shape[axis]);
            if (!parts[i].IsSameAs(place))
            {
                CopyPart($"{node.Name}.{i}", parts[i], place, context);
            }

            start += parts[i].Shape[axis];
        }

        context.Bind(node.Out(), whole);
    }

    // A part that lies elsewhere in the same buffer goes by way of a copy: no kernel may write near what it reads.
    private static void CopyPart(string name, TensorView part, TensorView place, LoweringContext context)
    {
        if (part.Overlaps(place))
        {
            var apart = context.Temporary(part.Type, part.Shape, ElementwiseLowering.OrderOf([part]));
            context.AddCopy($"{name}.apart", part, apart);
            part = apart;
        }

        context.AddCopy(name, part, place);
    }

    // The parts as one view, if they follow each other in one storage.
    private static TensorView? TryJoin(TensorView[] parts, int axis, long[] shape)
    {
        if (parts.Length == 0)
        {
            return null;
        }

        var (first, end) = (parts[0], parts[0].Offset);
        foreach (var part in parts)
        {
            if (!ReferenceEquals(part.Storage, first.Storage) || part.Offset != end ||
                !part.Strides.AsSpan().SequenceEqual(first.Strides) || first.Strides[axis] == 0)
            {
                return null;
            }

            end += part.Shape[axis] * part.Strides[axis];
        }

        return new TensorView(first.Storage, first.Offset, first.Type, shape, first.Strides);
    }
}
