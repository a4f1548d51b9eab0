namespace Atoll.Models;

/// <summary>Pooling of regions of interest, the inverse of max pooling, and suppression of overlapping boxes.</summary>
internal static class RegionOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("RoiAlign", InferAlign, Align) { InputsMin = 3, InputsMax = 3, SinceOpset = 10, IsHeavy = true },
        new("MaxRoiPool", InferRegions, MaximumOfRegions) { InputsMin = 2, InputsMax = 2, IsHeavy = true },
        new("MaxUnpool", InferUnpool, Unpool) { InputsMin = 2, InputsMax = 3, SinceOpset = 9 },
        new("NonMaxSuppression", call => call.Set(0, ElementType.Int64, [-1, 3]), BoxSuppression.Evaluate)
        {
            InputsMin = 2, InputsMax = 5, SinceOpset = 10, IsHeavy = true,
        },
    ];

    private static void InferAlign(OperatorCall call)
    {
        call.RequireRank(0, 4, 4);
        call.RequireRank(1, 2, 2);
        call.Set(0, call.Type(0), [(call.Shape(1) ?? [-1])[0], (call.Shape(0) ?? [-1, -1])[1],
            call.Attributes.Int("output_height", 1), call.Attributes.Int("output_width", 1)]);
    }

    private static Tensor[] Align(OperatorCall call)
    {
        var (x, regions, images, shape) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1), call.IntsOf(2),
            call.Input(0).Shape);
        var align = RegionAlignment.Of(call, shape);
        var output = call.OutputShape();
        var plane = (int)(shape[2] * shape[3]);
        var result = new double[WideTensor.Count(output)];
        for (var i = 0; i < result.Length; i++)
        {
            var (column, row) = (i % (int)output[3], i / (int)output[3] % (int)output[2]);
            var channel = i / (int)(output[2] * output[3]) % (int)output[1];
            var region = i / (int)(output[1] * output[2] * output[3]);
            var start = (int)(ScatterOperators.Index(call, images[region], shape[0]) * shape[1] + channel) * plane;
            result[i] = align.Value(x.AsSpan(start, plane), regions.AsSpan(region * 4, 4), row, column);
        }
        return [WideTensor.Narrow(call, result, output, call.Type(0))];
    }

    private static void InferRegions(OperatorCall call)
    {
        call.RequireRank(0, 4, 4);
        call.RequireRank(1, 2, 2);
        var pooled = SpatialWindow.List(call, "pooled_shape", 2, 0, least: 1);
        call.Set(0, call.Type(0), [(call.Shape(1) ?? [-1])[0], (call.Shape(0) ?? [-1, -1])[1], .. pooled]);
    }

    /// <summary>Regions are (image, x1, y1, x2, y2), both ends inside.</summary>
    private static Tensor[] MaximumOfRegions(OperatorCall call)
    {
        var (x, regions, shape) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1), call.Input(0).Shape);
        var output = call.OutputShape();
        var scale = call.Attributes.Float("spatial_scale", 1);
        var result = new double[WideTensor.Count(output)];
        for (var i = 0; i < result.Length; i++)
        {
            var region = regions.AsSpan(i / WideTensor.Count(output.Skip(1)) * 5, 5);
            var (column, row) = (i % (int)output[3], i / (int)output[3] % (int)output[2]);
            var channel = i / (int)(output[2] * output[3]) % (int)output[1];
            var (top, bottom) = Bin(region[2] * scale, region[4] * scale, row, output[2], shape[2]);
            var (left, right) = Bin(region[1] * scale, region[3] * scale, column, output[3], shape[3]);
            var image = ScatterOperators.Index(call, (long)region[0], shape[0]);
            var best = top < bottom && left < right ? double.NegativeInfinity : 0;
            for (var at = 0L; at < (bottom - top) * (right - left) && left < right; at++)
            {
                var (h, w) = (top + at / (right - left), left + at % (right - left));
                best = Math.Max(best, x[((image * shape[1] + channel) * shape[2] + h) * shape[3] + w]);
            }
            result[i] = best;
        }
        return [WideTensor.Narrow(call, result, output, call.Type(0))];
    }

    private static (long Start, long End) Bin(double from, double to, int index, long bins, long size)
    {
        var first = Math.Round(from, MidpointRounding.AwayFromZero);
        var length = Math.Max(Math.Round(to, MidpointRounding.AwayFromZero) - first + 1, 1) / bins;
        return ((long)Math.Clamp(Math.Floor(index * length) + first, 0, size),
            (long)Math.Clamp(Math.Ceiling((index + 1) * length) + first, 0, size));
    }

    private static void InferUnpool(OperatorCall call)
    {
        call.RequireRank(0, 3);
        if (call.Shape(0) is not { } shape || (call.Has(2) && call.Constant(2) is null))
        {
            call.Set(0, call.Type(0), call.Shape(0) is { } known ? Array.ConvertAll(known, _ => -1L) : null);
            return;
        }
        call.Set(0, call.Type(0), call.Has(2) ? call.IntsOf(2) : Enlarged(call, shape));
    }

    private static long[] Enlarged(OperatorCall call, long[] shape)
    {
        var axes = shape.Length - 2;
        var kernel = SpatialWindow.List(call, "kernel_shape", axes, 0, least: 1);
        var (strides, pads) = (SpatialWindow.List(call, "strides", axes, 1, least: 1),
            SpatialWindow.List(call, "pads", 2 * axes, 0, least: 0));
        return [shape[0], shape[1], .. kernel.Select((k, i) => shape[i + 2] < 0 ? -1
            : (shape[i + 2] - 1) * strides[i] + k - pads[i] - pads[axes + i])];
    }

    /// <summary>
    /// Indices count in the tensor that was pooled; where another output shape is asked for, they are places of that
    /// smaller tensor.
    /// </summary>
    private static Tensor[] Unpool(OperatorCall call)
    {
        var (input, indices, output) = (call.Input(0), call.IntsOf(1), call.OutputShape());
        var pooled = Enlarged(call, input.Shape);
        var size = input.Type.SizeInBytes();
        var data = new byte[WideTensor.Count(output) * size];
        var (from, to) = (StridedWalk.RowMajor(pooled), StridedWalk.RowMajor(output));
        for (var i = 0; i < indices.Length; i++)
        {
            var place = 0L;
            for (var axis = 0; axis < output.Length; axis++)
            {
                place += indices[i] / from[axis] % pooled[axis] * to[axis];
            }
            input.Data.AsSpan(i * size, size).CopyTo(data.AsSpan((int)place * size));
        }
        return [new Tensor(input.Type, output, data)];
    }
}
