namespace Atoll.Models;

/// <summary>Operators on images as a whole: columns put together, centres cut out, grids of an affine map.</summary>
internal static class ImageOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Col2Im", InferImage, JoinColumns) { InputsMin = 3, InputsMax = 3, SinceOpset = 18, IsHeavy = true },
        new("CenterCropPad", InferCenter, Center) { InputsMin = 2, InputsMax = 2, SinceOpset = 18 },
        new("AffineGrid", InferAffine, Affine) { InputsMin = 2, InputsMax = 2, SinceOpset = 20, IsHeavy = true },
    ];

    private static void InferImage(OperatorCall call)
    {
        call.RequireRank(0, 3, 3);
        if (call.Shape(0) is not { } columns || call.Constant(1) is null || call.Constant(2) is null)
        {
            call.Set(0, call.Type(0), call.Shape(1) is [var axes] && axes is >= 0 and < 8
                ? [.. Enumerable.Repeat(-1L, 2 + (int)axes)] : null);
            return;
        }

        var (image, block) = (call.IntsOf(1), call.IntsOf(2));
        var window = SpatialWindow.Of(call, image, block);
        var (taps, places) = (ShapeRules.Product(block)!.Value, ShapeRules.Product(window.Output)!.Value);
        if ((columns[1] >= 0 && columns[1] % taps != 0) || (columns[2] >= 0 && columns[2] != places))
        {
            throw call.Fail(ModelError.InvalidShape,
                $"blocks of {taps} at {places} places do not fit the columns [{string.Join(',', columns)}]");
        }

        call.Set(0, call.Type(0), [columns[0], columns[1] < 0 ? -1 : columns[1] / taps, .. image]);
    }

    private static Tensor[] JoinColumns(OperatorCall call)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.OutputShape());
        var window = SpatialWindow.Of(call, call.IntsOf(1), call.IntsOf(2));
        var own = StridedWalk.RowMajor(window.Input);
        var (taps, places) = (WideTensor.Count(window.Kernel), WideTensor.Count(window.Output));
        var size = WideTensor.Count(window.Input);
        var result = new double[WideTensor.Count(shape)];
        for (var tap = 0; tap < taps; tap++)
        {
            for (var place = 0; place < places; place++)
            {
                var offset = window.OffsetOf(own, place, tap);
                for (var plane = 0; offset >= 0 && plane < shape[0] * shape[1]; plane++)
                {
                    result[(plane * size) + offset] += x[(((plane * taps) + tap) * places) + place];
                }
            }
        }

        return [WideTensor.Narrow(call, result, shape, call.Type(0))];
    }

    private static int[] AxesOf(OperatorCall call, int rank) => call.Attributes.Has("axes")
        ? [.. call.Attributes.Ints("axes").Select(a => call.Axis(a, rank))] : [.. Enumerable.Range(0, rank)];

    private static void InferCenter(OperatorCall call)
    {
        if (call.Shape(0) is not { } shape)
        {
            call.Set(0, call.Type(0), null);
            return;
        }

        var (axes, result) = (AxesOf(call, shape.Length), (long[])shape.Clone());
        var wanted = call.Constant(1) is null ? null : call.IntsOf(1);
        if (axes.Distinct().Count() != axes.Length || (wanted is not null &&
            (wanted.Length != axes.Length || wanted.Any(d => d < 0))))
        {
            throw call.Fail(ModelError.InvalidShape, $"the shape does not give a size for each of {axes.Length} axes");
        }

        for (var i = 0; i < axes.Length; i++)
        {
            result[axes[i]] = wanted?[i] ?? -1;
        }

        call.Set(0, call.Type(0), result);
    }

    private static Tensor[] Center(OperatorCall call)
    {
        var (x, shape, bytes) = (call.Input(0), call.OutputShape(), call.Type(0).SizeInBytes());
        var data = new byte[WideTensor.Count(shape) * bytes];
        var both = x.Shape.Zip(shape, Math.Min).ToArray();
        var (own, other) = (StridedWalk.RowMajor(x.Shape), StridedWalk.RowMajor(shape));
        long Start(long[] dims, long[] others, long[] strides) => dims.Select((d, i) =>
            Math.Max(0, (d - others[i]) / 2) * strides[i]).Sum();
        var (from, to) = (Start(x.Shape, shape, own), Start(shape, x.Shape, other));
        var count = WideTensor.Count(both);
        var steps = StridedWalk.RowMajor(both);
        for (var i = 0; i < count; i++)
        {
            var (source, target) = (from, to);
            for (var axis = 0; axis < both.Length; axis++)
            {
                var index = i / steps[axis] % both[axis];
                source += index * own[axis];
                target += index * other[axis];
            }

            x.Data.AsSpan((int)source * bytes, bytes).CopyTo(data.AsSpan((int)target * bytes));
        }

        return [new Tensor(call.Type(0), shape, data)];
    }

    // theta (N, 2, 3) and a size (N, C, H, W), or (N, 3, 4) and (N, C, D, H, W).
    private static void InferAffine(OperatorCall call)
    {
        call.RequireRank(0, 3, 3);
        if (call.Constant(1) is null)
        {
            call.Set(0, call.Type(0), call.Shape(0) is [var batch, 2 or 3, _]
                ? [batch, .. Enumerable.Repeat(-1L, (int)call.Shape(0)![1]), call.Shape(0)![1]] : null);
            return;
        }

        var size = call.IntsOf(1);
        var axes = size.Length - 2;
        if (axes is not (2 or 3) || size.Any(d => d < 0) || (call.Shape(0) is { } theta &&
            !theta.Zip([size[0], axes, axes + 1], (have, need) => have < 0 || have == need).All(fits => fits)))
        {
            throw call.Fail(ModelError.InvalidShape, $"no map for a grid of [{string.Join(',', size)}]");
        }

        call.Set(0, call.Type(0), [size[0], .. size[2..], axes]);
    }

    private static Tensor[] Affine(OperatorCall call)
    {
        var (theta, shape) = (WideTensor.Of(call, 0), call.OutputShape());
        var axes = shape.Length - 2;
        var alignCorners = call.Attributes.Int("align_corners") != 0;
        var points = WideTensor.Count(shape[1..^1]);
        var steps = StridedWalk.RowMajor(shape[1..^1]);
        var result = new double[WideTensor.Count(shape)];
        // Coordinates come in the order of x, y, z: the last axis first.
        var place = new double[axes + 1];
        place[axes] = 1;
        for (var i = 0L; i < shape[0] * points; i++)
        {
            for (var axis = 0; axis < axes; axis++)
            {
                var size = shape[1 + axis];
                var index = i % points / steps[axis] % size;
                place[axes - 1 - axis] = alignCorners ? (size == 1 ? 0 : (2.0 * index / (size - 1)) - 1)
                    : (((2.0 * index) + 1) / size) - 1;
            }

            for (var row = 0; row < axes; row++)
            {
                var map = theta.AsSpan((int)(((i / points * axes) + row) * (axes + 1)), axes + 1);
                for (var k = 0; k <= axes; k++)
                {
                    result[(i * axes) + row] += map[k] * place[k];
                }
            }
        }

        return [WideTensor.Narrow(call, result, shape, call.Type(0))];
    }
}
