namespace Atoll.Models;

/// <summary>
/// Operators that put elements elsewhere: concatenation, padding, gathering, tiling, depth to space and back.
/// </summary>
internal static class MovementLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("Concat", ConcatLowering.Lower), ("Pad", PadLowering.Lower), ("Gather", Gather), ("Tile", Tile),
        ("DepthToSpace", DepthToSpace), ("SpaceToDepth", SpaceToDepth),
    ];

    private static void Gather(GraphNode node, LoweringContext context)
    {
        var (x, indices) = (context.Input(node, 0), context.Input(node, 1));
        var axis = (int)node.Attributes.Int("axis");
        axis = axis < 0 ? axis + x.Rank : axis;
        if (SingleIndex(node) is { } index)
        {
            if (index < -x.Shape[axis] || index >= x.Shape[axis])
            {
                throw OperatorCall.Of(node).Fail(ModelError.InvalidShape,
                    $"index {index} is outside a dimension of {x.Shape[axis]}");
            }

            // One known index is a slice, which a view can express.
            var picked = x.Narrow(axis, index < 0 ? index + x.Shape[axis] : index, 1);
            context.Bind(node.Out(), picked.TryReshape(node.Out().Shape!)!);
            return;
        }

        x = context.Densify(node.Name, x, MemoryOrder.RowMajor, v => IsDenseFrom(v, axis + 1));
        indices = context.Densify($"{node.Name}.indices", indices, MemoryOrder.RowMajor);
        var y = context.Output(node, MemoryOrder.RowMajor, [x, indices], v => v.IsRowMajor);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x, indices],
            Writes = [y],
            Emit = binding => [Kernels.Gather.Create(node.Name, binding.Ref(x), binding.Ref(indices), axis,
                binding.Ref(y))],
        });
    }

    private static long? SingleIndex(GraphNode node) => node.In(1)!.Constant switch
    {
        { ElementCount: 1, Type: ElementType.Int64 } t => t.AsSpan<long>()[0],
        { ElementCount: 1, Type: ElementType.Int32 } t => t.AsSpan<int>()[0],
        _ => null,
    };

    private static bool IsDenseFrom(TensorView view, int axis)
    {
        var stride = 1L;
        for (var i = view.Rank - 1; i >= axis; i--)
        {
            if (view.Shape[i] != 1 && view.Strides[i] != stride)
            {
                return false;
            }

            stride *= view.Shape[i];
        }

        return true;
    }

    // y seen as (r0, d0, r1, d1, …) is a broadcast of x seen as (1, d0, 1, d1, …).
    private static void Tile(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var y = context.Output(node, MemoryOrder.RowMajor, [x], v => v.IsRowMajor);
        List<long> whole = [], once = [];
        for (var axis = 0; axis < x.Rank; axis++)
        {
            var repeats = x.Shape[axis] == 0 ? 1 : y.Shape[axis] / x.Shape[axis];
            if (repeats != 1)
            {
                whole.Add(repeats);
                once.Add(1);
            }

            whole.Add(x.Shape[axis]);
            once.Add(x.Shape[axis]);
        }

        if (y.ElementCount > 0)
        {
            context.AddCopy(node.Name, x.TryReshape([.. once])!.Broadcast([.. whole]), y.TryReshape([.. whole])!);
        }
    }

    // Blocks of b × b channels become pixels; both forms are a transpose of six dimensions.
    private static void DepthToSpace(GraphNode node, LoweringContext context)
    {
        var x = context.Densify(node.Name, context.Input(node, 0), MemoryOrder.RowMajor, v =>
            v.TryReshape(Split(node, v)) is not null);
        var pixels = x.TryReshape(Split(node, x))!;
        var isDepthFirst = node.Attributes.Text("mode", "DCR") == "DCR";
        Rearrange(node, context, isDepthFirst ? pixels.Permute([0, 3, 4, 1, 5, 2])
            : pixels.Permute([0, 1, 4, 2, 5, 3]));
    }

    private static long[] Split(GraphNode node, TensorView x)
    {
        var block = node.Attributes.Int("blocksize");
        var (n, c, h, w) = (x.Shape[0], x.Shape[1] / (block * block), x.Shape[2], x.Shape[3]);
        return node.Attributes.Text("mode", "DCR") == "DCR" ? [n, block, block, c, h, w] : [n, c, block, block, h, w];
    }

    private static void SpaceToDepth(GraphNode node, LoweringContext context)
    {
        var block = node.Attributes.Int("blocksize");
        var x = context.Input(node, 0);
        long[] split = [x.Shape[0], x.Shape[1], x.Shape[2] / block, block, x.Shape[3] / block, block];
        x = context.Densify(node.Name, x, MemoryOrder.RowMajor, v => v.TryReshape(split) is not null);
        Rearrange(node, context, x.TryReshape(split)!.Permute([0, 3, 5, 1, 2, 4]));
    }

    private static void Rearrange(GraphNode node, LoweringContext context, TensorView from)
    {
        var y = context.Output(node, MemoryOrder.RowMajor, [from], v => v.TryReshape(from.Shape) is not null);
        context.AddCopy(node.Name, from, y.TryReshape(from.Shape)!);
    }
}
