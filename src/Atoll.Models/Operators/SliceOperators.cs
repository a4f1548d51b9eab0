namespace Atoll.Models;

/// <summary>Operators that cut a tensor or add a border to it.</summary>
internal static class SliceOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Slice", InferSlice, Slice) { InputsMax = 5 },
        new("Pad", InferPad, Pad) { InputsMax = 4 },
    ];

    /// <summary>
    /// Start, step and count along each axis; null while an index input or a sliced dimension is unknown.
    /// </summary>
    private static (long Start, long Step, long Count)[]? Cuts(OperatorCall call, long[] shape)
    {
        var starts = call.Ints("starts", 1, 10, out var startsKnown);
        var ends = call.Ints("ends", 2, 10, out var endsKnown);
        var axes = call.Ints("axes", 3, 10, out var axesKnown);
        var steps = call.Ints("steps", 4, 10, out var stepsKnown);
        if (!(startsKnown && endsKnown && axesKnown && stepsKnown))
        {
            return null;
        }
        if (starts is null || ends is null || starts.Length != ends.Length ||
            (axes ?? starts).Length != starts.Length ||
            (steps ?? starts).Length != starts.Length)
        {
            throw call.Fail(ModelError.InvalidAttribute,
                "starts, ends, axes and steps are missing or differ in length");
        }
        var cuts = Array.ConvertAll(shape, d => (Start: 0L, Step: 1L, Count: d));
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = call.Axis(axes?[i] ?? i, shape.Length);
            cuts[axis] = Cut(call, shape[axis], starts[i], ends[i], steps?[i] ?? 1);
        }
        return cuts;
    }

    private static (long Start, long Step, long Count) Cut(OperatorCall call, long dim, long start, long end, long step)
    {
        if (step is 0 or long.MinValue)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"a step is {step}");
        }
        if (dim < 0)
        {
            return (0, 1, -1);
        }
        var (low, high) = step > 0 ? (0L, dim) : (-1L, dim - 1);
        start = Math.Clamp(start < 0 ? start + dim : start, Math.Max(low, step > 0 ? 0 : -1), high);
        end = Math.Clamp(end < 0 ? end + dim : end, low, high);
        var count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
        return (start, step, Math.Max(0, count));
    }

    private static void InferSlice(OperatorCall call)
    {
        var shape = call.Shape(0);
        var cuts = shape is null ? null : Cuts(call, shape);
        call.Set(0, call.Type(0), cuts is null ? shape is null ? null : Array.ConvertAll(shape, _ => -1L)
            : [.. cuts.Select(c => c.Count)]);
    }

    private static Tensor[] Slice(OperatorCall call)
    {
        var input = call.Input(0);
        var cuts = Cuts(call, input.Shape)!;
        var own = StridedWalk.RowMajor(input.Shape);
        var start = cuts.Select((c, i) => c.Start * own[i]).Sum();
        return [StridedWalk.Copy(input, call.OutputShape(), [.. cuts.Select((c, i) => c.Step * own[i])], start)];
    }

    /// <summary>Elements to add before and after each axis; negative ones are cut off.</summary>
    private static (long Before, long After)[]? Borders(OperatorCall call, int rank)
    {
        var pads = call.Ints("pads", 1, 11, out var padsKnown);
        var axes = call.Opset >= 18 ? call.Ints("axes", 3, 18, out var axesKnown) : Always(out axesKnown);
        if (!padsKnown || !axesKnown)
        {
            return null;
        }
        var count = axes?.Length ?? rank;
        if (pads is null || pads.Length != 2 * count)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"pads are missing or not {2 * count} numbers");
        }
        var borders = new (long Before, long After)[rank];
        for (var i = 0; i < count; i++)
        {
            borders[axes is null ? i : call.Axis(axes[i], rank)] = (pads[i], pads[count + i]);
        }
        return borders;
    }

    private static long[]? Always(out bool known)
    {
        known = true;
        return null;
    }

    private static void InferPad(OperatorCall call)
    {
        var shape = call.Shape(0);
        var borders = shape is null ? null : Borders(call, shape.Length);
        if (shape is null || borders is null)
        {
            call.Set(0, call.Type(0), shape is null ? null : Array.ConvertAll(shape, _ => -1L));
            return;
        }
        var result = new long[shape.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = shape[i] < 0 ? -1 : checked(shape[i] + borders[i].Before + borders[i].After);
            if (shape[i] >= 0 && (result[i] < 0 || (shape[i] == 0 && result[i] > 0 && Mode(call) != "constant")))
            {
                throw call.Fail(ModelError.InvalidShape, $"dimension {i} would become {result[i]}");
            }
        }
        call.Set(0, call.Type(0), result);
    }

    private static string Mode(OperatorCall call) => call.Attributes.Text("mode", "constant");

    private static Tensor[] Pad(OperatorCall call)
    {
        var input = call.Input(0);
        var shape = call.OutputShape();
        var size = input.Type.SizeInBytes();
        var mode = Mode(call);
        var borders = Borders(call, input.Shape.Length)!;
        var maps = borders.Select((b, axis) =>
            Sources(call, mode, (b.Before, shape[axis]), input.Shape[axis])).ToArray();
        var fill = FillBytes(call, input.Type);
        var own = StridedWalk.RowMajor(input.Shape);
        var index = new long[shape.Length];
        var data = new byte[ShapeRules.Product(shape)!.Value * size];
        for (var at = 0; at < data.Length; at += size)
        {
            var from = 0L;
            for (var axis = 0; axis < index.Length && from >= 0; axis++)
            {
                var source = maps[axis][index[axis]];
                from = source < 0 ? -1 : from + source * own[axis];
            }
            (from < 0 ? fill : input.Data.AsSpan((int)from * size, size)).CopyTo(data.AsSpan(at));
            for (var axis = index.Length - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--)
            {
                index[axis] = 0;
            }
        }
        return [new Tensor(input.Type, shape, data)];
    }

    /// <summary>Input position of each output position along one axis, -1 for the fill value.</summary>
    private static long[] Sources(OperatorCall call, string mode, (long Before, long Count) output, long dim)
    {
        var map = new long[output.Count];
        for (var i = 0L; i < map.Length; i++)
        {
            var at = i - output.Before;
            map[i] = at >= 0 && at < dim ? at : mode switch
            {
                "constant" => -1,
                "edge" => Math.Clamp(at, 0, dim - 1),
                "wrap" => (at % dim + dim) % dim,
                "reflect" => Reflect(at, dim),
                _ => throw call.Fail(ModelError.InvalidAttribute, $"mode '{mode}' is not known"),
            };
        }
        return map;
    }

    private static long Reflect(long at, long dim)
    {
        var period = Math.Max(1, 2 * (dim - 1));
        var inPeriod = (at % period + period) % period;
        return Math.Min(inPeriod, period - inPeriod) % dim;
    }

    private static byte[] FillBytes(OperatorCall call, ElementType type)
    {
        if (call.Opset >= 11)
        {
            return call.Has(2) ? call.Input(2).Data[..type.SizeInBytes()] : new byte[type.SizeInBytes()];
        }
        var value = Tensor.Float([1], [call.Attributes.Float("value")]);
        return CastOperator.Convert(call, value, type).Data;
    }
}
