namespace Atoll.Models;

/// <summary>Operators that move or repeat whole elements of any type.</summary>
internal static class MovementOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Transpose", InferTranspose, Transpose),
        new("Concat", InferConcat, Concat) { InputsMax = int.MaxValue },
        new("Split", InferSplit, Split) { InputsMax = 2, OutputsMax = int.MaxValue },
        new("Expand", InferExpand, Expand) { InputsMin = 2, InputsMax = 2, SinceOpset = 8 },
        new("Tile", InferTile, Tile) { InputsMin = 2, InputsMax = 2 },
        new("DepthToSpace", call => InferBlocks(call, toSpace: true), DepthToSpace),
        new("SpaceToDepth", call => InferBlocks(call, toSpace: false), SpaceToDepth),
    ];

    /// <summary>The order of the input's axes in the output; reversed when none is given.</summary>
    public static int[] Permutation(OperatorCall call, int rank)
    {
        var given = call.Attributes.Ints("perm", [.. Enumerable.Range(0, rank).Reverse().Select(i => (long)i)]);
        var axes = given.Select(a => call.Axis(a, rank)).ToArray();
        return axes.Length == rank && axes.Distinct().Count() == rank
            ? axes
            : throw call.Fail(ModelError.InvalidAttribute,
            $"perm [{string.Join(',', given)}] is no order of {rank} axes");
    }

    public static Tensor Transpose(Tensor tensor, int[] axes)
    {
        var strides = StridedWalk.RowMajor(tensor.Shape);
        return StridedWalk.Copy(tensor, [.. axes.Select(a => tensor.Shape[a])], [.. axes.Select(a => strides[a])]);
    }

    private static void InferTranspose(OperatorCall call) => call.Set(0, call.Type(0),
        call.Shape(0) is { } shape ? [.. Permutation(call, shape.Length).Select(a => shape[a])] : null);

    private static Tensor[] Transpose(OperatorCall call) =>
        [Transpose(call.Input(0), Permutation(call, call.Input(0).Shape.Length))];

    private static void InferConcat(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        var shapes = Enumerable.Range(0, call.InputCount).Select(call.Shape).ToArray();
        if (shapes[0] is not { } first || shapes.Any(s => s is null))
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis", 1), first.Length);
        var result = (long[])first.Clone();
        foreach (var shape in shapes.Skip(1))
        {
            if (shape!.Length != first.Length)
            {
                throw call.Fail(ModelError.InvalidShape, "its inputs differ in rank");
            }
            for (var i = 0; i < result.Length; i++)
            {
                var joined = i == axis ? (result[i] < 0 || shape[i] < 0 ? -1 : checked(result[i] + shape[i]))
                    : Math.Max(result[i], shape[i]);
                if (i != axis && result[i] >= 0 && shape[i] >= 0 && result[i] != shape[i])
                {
                    throw call.Fail(ModelError.InvalidShape,
                        $"its inputs differ in dimension {i}, which is not the axis {axis}");
                }
                result[i] = joined;
            }
        }
        call.Set(0, call.Type(0), result);
    }

    private static Tensor[] Concat(OperatorCall call)
    {
        var shape = call.OutputShape();
        var axis = call.Axis(call.Attributes.Int("axis", 1), shape.Length);
        var size = call.Type(0).SizeInBytes();
        var data = new byte[ShapeRules.Product(shape)!.Value * size];
        var row = (int)(ShapeRules.Product(shape.Skip(axis))!.Value * size);
        var start = 0;
        for (var input = 0; input < call.InputCount; input++)
        {
            var tensor = call.Input(input);
            var part = (int)(ShapeRules.Product(tensor.Shape.Skip(axis))!.Value * size);
            for (var block = 0; part > 0 && block * part < tensor.Data.Length; block++)
            {
                tensor.Data.AsSpan(block * part, part).CopyTo(data.AsSpan(block * row + start));
            }
            start += part;
        }
        return [new Tensor(call.Type(0), shape, data)];
    }

    private static void InferSplit(OperatorCall call)
    {
        var sizes = call.Ints("split", 1, 13, out var known);
        if (call.Shape(0) is not { } shape || !known)
        {
            SetAll(call, null, 0, null);
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis"), shape.Length);
        var count = call.OutputCount;
        if (sizes is null && shape[axis] >= 0)
        {
            // Equal parts, the last one smaller when they do not divide evenly.
            var part = (shape[axis] + count - 1) / count;
            sizes = [.. Enumerable.Range(0, count).Select(i => Math.Clamp(shape[axis] - i * part, 0, part))];
        }
        if (sizes is not null && (sizes.Length != count || sizes.Any(s => s < 0) ||
            (shape[axis] >= 0 && sizes.Sum() != shape[axis])))
        {
            throw call.Fail(ModelError.InvalidShape,
                $"dimension {axis} cannot be split into [{string.Join(',', sizes)}]");
        }
        SetAll(call, shape, axis, sizes);
    }

    private static void SetAll(OperatorCall call, long[]? shape, int axis, long[]? sizes)
    {
        for (var i = 0; i < call.OutputCount; i++)
        {
            var part = (long[]?)shape?.Clone();
            part?[axis] = sizes?[i] ?? -1;
            call.Set(i, call.Type(0), part);
        }
    }

    private static Tensor[] Split(OperatorCall call)
    {
        var input = call.Input(0);
        var axis = call.Axis(call.Attributes.Int("axis"), input.Shape.Length);
        var strides = StridedWalk.RowMajor(input.Shape);
        var start = 0L;
        var parts = new Tensor[call.OutputCount];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = StridedWalk.Copy(input, call.OutputShape(i), strides, start * strides[axis]);
            start += call.OutputShape(i)[axis];
        }
        return parts;
    }

    private static void InferExpand(OperatorCall call)
    {
        var target = call.Constant(1) is null ? null : call.IntsOf(1);
        if (target?.Any(d => d < 0) == true)
        {
            throw call.Fail(ModelError.InvalidShape, $"cannot expand to [{string.Join(',', target)}]");
        }
        call.Set(0, call.Type(0), ShapeRules.Broadcast(call, call.Shape(0), target));
    }

    private static Tensor[] Expand(OperatorCall call) =>
        [StridedWalk.Copy(call.Input(0), call.OutputShape(),
            StridedWalk.Broadcast(call.Input(0).Shape, call.OutputShape()))];

    private static void InferTile(OperatorCall call)
    {
        if (call.Shape(0) is not { } shape || call.Constant(1) is null)
        {
            call.Set(0, call.Type(0), call.Shape(0) is { } known ? Array.ConvertAll(known, _ => -1L) : null);
            return;
        }
        var repeats = call.IntsOf(1);
        if (repeats.Length != shape.Length || repeats.Any(r => r < 0))
        {
            throw call.Fail(ModelError.InvalidShape, $"repeats [{string.Join(',', repeats)}] do not fit");
        }
        call.Set(0, call.Type(0), [.. shape.Select((d, i) => d < 0 ? -1 : checked(d * repeats[i]))]);
    }

    private static Tensor[] Tile(OperatorCall call)
    {
        var input = call.Input(0);
        var repeats = call.IntsOf(1);
        var own = StridedWalk.RowMajor(input.Shape);
        long[] shape = [.. input.Shape.SelectMany((d, i) => new[] { repeats[i], d })];
        long[] strides = [.. own.SelectMany(s => new[] { 0, s })];
        return [new Tensor(input.Type, call.OutputShape(), StridedWalk.Copy(input, shape, strides).Data)];
    }

    private static void InferBlocks(OperatorCall call, bool toSpace)
    {
        call.RequireRank(0, 4, 4);
        var block = call.Attributes.Int("blocksize");
        if (block < 1)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"blocksize is {block}");
        }
        var shape = call.Shape(0) ?? [-1, -1, -1, -1];
        var area = checked(block * block);
        if (toSpace ? shape[1] > 0 && shape[1] % area != 0 : shape.Skip(2).Any(d => d > 0 && d % block != 0))
        {
            throw call.Fail(ModelError.InvalidShape, $"blocks of {block} do not divide it");
        }
        call.Set(0, call.Type(0), toSpace
            ? [shape[0], Unless(shape[1], shape[1] / area), Unless(shape[2], checked(shape[2] * block)),
            Unless(shape[3], checked(shape[3] * block))]
            : [shape[0], Unless(shape[1], checked(shape[1] * area)), Unless(shape[2], shape[2] / block),
            Unless(shape[3], shape[3] / block)]);
    }

    private static long Unless(long dim, long result) => dim < 0 ? -1 : result;

    private static Tensor[] DepthToSpace(OperatorCall call)
    {
        var s = call.Input(0).Shape;
        var b = call.Attributes.Int("blocksize");
        var columnFirst = call.Attributes.Text("mode", "DCR") == "CRD";
        var split = columnFirst
            ? new Tensor(call.Type(0), [s[0], s[1] / (b * b), b, b, s[2], s[3]], call.Input(0).Data)
            : new Tensor(call.Type(0), [s[0], b, b, s[1] / (b * b), s[2], s[3]], call.Input(0).Data);
        var moved = Transpose(split, columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
        return [new Tensor(call.Type(0), call.OutputShape(), moved.Data)];
    }

    private static Tensor[] SpaceToDepth(OperatorCall call)
    {
        var s = call.Input(0).Shape;
        var b = call.Attributes.Int("blocksize");
        var split = new Tensor(call.Type(0), [s[0], s[1], s[2] / b, b, s[3] / b, b], call.Input(0).Data);
        return [new Tensor(call.Type(0), call.OutputShape(), Transpose(split, [0, 3, 5, 1, 2, 4]).Data)];
    }
}
