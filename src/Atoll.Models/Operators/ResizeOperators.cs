namespace Atoll.Models;

/// <summary>Resize and its older form Upsample: separable interpolation along each axis.</summary>
internal static class ResizeOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Resize", InferResize, Resize) { InputsMax = 4, SinceOpset = 10, IsHeavy = true },
        new("Upsample", InferResize, Resize) { InputsMax = 2, UntilOpset = 9, SinceOpset = 7, IsHeavy = true },
    ];

    /// <summary>Taps of every axis; null while scales, sizes or a dimension are unknown.</summary>
    public static ResizeTaps[]? Taps(OperatorCall call)
    {
        if (call.Shape(0) is not { } shape || shape.Contains(-1) ||
            (IsCrop(call) && call.Constant(1) is null) ||
            Plan(call, shape) is not { } plan)
        {
            return null;
        }
        var mapping = ResizeMapping.Of(call);
        return [.. shape.Select((dim, i) => plan.Sizes[i] == dim && plan.Scales[i] == 1 && plan.Regions[i] is (0, 1)
            ? Same((int)dim)
            : dim > 0 ? mapping.Axis((int)dim, checked((int)plan.Sizes[i]), plan.Scales[i], plan.Regions[i])
            : throw call.Fail(ModelError.InvalidShape, $"dimension {i} is empty and cannot be resized"))];
    }

    private static ResizeTaps Same(int size) => new(size, size, 1, [.. Enumerable.Range(0, size)],
        [.. Enumerable.Repeat(1f, size)], new bool[size]);

    private static void InferResize(OperatorCall call)
    {
        var shape = call.Shape(0);
        call.Set(0, call.Type(0), shape is null ? null
            : shape.Contains(-1) ? Partial(call, shape) : Plan(call, shape)?.Sizes ?? Unknown(shape));
    }

    private static long[] Unknown(long[] shape) => Array.ConvertAll(shape, _ => -1L);

    // An unknown axis that is not scaled stays what it is.
    private static long[] Partial(OperatorCall call, long[] shape)
    {
        var known = Plan(call, [.. shape.Select(d => Math.Max(d, 1))]);
        return known is { } plan
            ? [.. shape.Select((d, i) => d >= 0 || (IsSizes(call) && plan.Sizes[i] > 0) ? plan.Sizes[i] : -1)]
            : Unknown(shape);
    }

    private static bool IsSizes(OperatorCall call) => call.Opset >= 11 && call.Has(3) &&
        !(call.Constant(3) is { ElementCount: 0 });

    private static ResizePlan? Plan(OperatorCall call, long[] shape)
    {
        var axes = Axes(call, shape.Length);
        var regions = Regions(call, shape.Length, axes);
        var plan = new ResizePlan([.. shape], [.. shape.Select(_ => 1.0)], regions);
        if (IsSizes(call))
        {
            return call.Constant(3) is null ? null : BySizes(call, shape, plan, axes);
        }
        var scales = IsCrop(call) && call.Constant(1) is null ? null : Scales(call);
        for (var i = 0; i < (scales?.Length ?? 0) && scales!.Length == axes.Length; i++)
        {
            var (axis, scale) = (axes[i], scales[i]);
            if (!(scale > 0) || double.IsInfinity(scale))
            {
                throw call.Fail(ModelError.InvalidAttribute, $"scale {scale} is not positive");
            }
            var cropped = IsCrop(call) ? regions[axis].End - regions[axis].Start : 1;
            plan.Scales[axis] = scale;
            plan.Sizes[axis] = (long)Math.Floor((float)(shape[axis] * cropped) * (float)scale);
        }
        return scales is null ? null
            : scales.Length == axes.Length ? plan
            : throw call.Fail(ModelError.InvalidShape, $"{scales.Length} scales are given for {axes.Length} axes");
    }

    private static ResizePlan BySizes(OperatorCall call, long[] shape, ResizePlan plan, int[] axes)
    {
        var sizes = call.IntsOf(3);
        if (sizes.Length != axes.Length || sizes.Any(s => s < 0))
        {
            throw call.Fail(ModelError.InvalidShape, $"sizes [{string.Join(',', sizes)}] do not fit");
        }
        var policy = call.Attributes.Text("keep_aspect_ratio_policy", "stretch");
        var ratios = sizes.Select((s, i) => (double)s / shape[axes[i]]).ToArray();
        var common = policy == "not_larger" ? ratios.Min() : policy == "not_smaller" ? ratios.Max() : 0;
        for (var i = 0; i < sizes.Length; i++)
        {
            plan.Scales[axes[i]] = common > 0 ? common : ratios[i];
            plan.Sizes[axes[i]] = common > 0
                ? (long)Math.Round(common * shape[axes[i]], MidpointRounding.AwayFromZero) : sizes[i];
        }
        return plan;
    }

    private static double[]? Scales(OperatorCall call)
    {
        if (call.Node.Operator == "Upsample" && call.Opset < 9)
        {
            return Array.ConvertAll(call.Attributes.Floats("scales"), s => (double)s);
        }
        var input = call.Opset >= 11 ? 2 : 1;
        return !call.Has(input) ? throw call.Fail(ModelError.MissingTensor, "neither scales nor sizes are given")
            : call.Constant(input) is null ? null
            : WideTensor.Of(call, input);
    }

    private static bool IsCrop(OperatorCall call) =>
        call.Attributes.Text("coordinate_transformation_mode") == "tf_crop_and_resize";

    private static int[] Axes(OperatorCall call, int rank) => call.Attributes.Has("axes")
        ? [.. call.Attributes.Ints("axes").Select(a => call.Axis(a, rank))]
        : [.. Enumerable.Range(0, rank)];

    private static (double Start, double End)[] Regions(OperatorCall call, int rank, int[] axes)
    {
        var regions = Enumerable.Repeat((Start: 0.0, End: 1.0), rank).ToArray();
        if (!IsCrop(call) || call.Constant(1) is not { } roi)
        {
            return regions;
        }
        if (roi.ElementCount != 2 * axes.Length)
        {
            throw call.Fail(ModelError.MissingTensor, "a crop needs a region of two numbers per axis");
        }
        var values = WideTensor.Of(call, 1);
        for (var i = 0; i < axes.Length; i++)
        {
            regions[axes[i]] = (values[i], values[axes.Length + i]);
        }
        return regions;
    }

    private static Tensor[] Resize(OperatorCall call)
    {
        var taps = Taps(call) ?? throw call.Fail(ModelError.MissingTensor, "scales or sizes are not known");
        var values = WideTensor.Of(call, 0);
        long[] shape = [.. call.Input(0).Shape];
        for (var axis = 0; axis < taps.Length; axis++)
        {
            values = taps[axis].IsIdentity ? values : Along(values, shape, axis, taps[axis]);
            shape[axis] = taps[axis].Output;
        }
        FillOutside(values, shape, taps, call.Attributes.Float("extrapolation_value"));
        if (call.Type(0) is not (ElementType.Float32 or ElementType.Float64 or ElementType.Float16))
        {
            values = Array.ConvertAll(values, v => Math.Round(v, MidpointRounding.ToEven));
        }
        return [WideTensor.Narrow(call, values, shape, call.Type(0))];
    }

    private static double[] Along(double[] values, long[] shape, int axis, ResizeTaps taps)
    {
        var (outer, length, inner) = SortingOperators.Extent(shape, axis);
        var result = new double[outer * taps.Output * inner];
        for (var i = 0; i < result.Length; i++)
        {
            var (o, at) = (i / inner / taps.Output, i / inner % taps.Output);
            for (var k = at * taps.PerOutput; k < (at + 1) * taps.PerOutput; k++)
            {
                result[i] += taps.Weights[k] * values[(o * length + taps.Indices[k]) * inner + i % inner];
            }
        }
        return result;
    }

    private static void FillOutside(double[] values, long[] shape, ResizeTaps[] taps, double fill)
    {
        var strides = StridedWalk.RowMajor(shape);
        for (var i = 0; i < values.Length; i++)
        {
            for (var axis = 0; axis < taps.Length; axis++)
            {
                values[i] = taps[axis].Outside[i / strides[axis] % shape[axis]] ? fill : values[i];
            }
        }
    }

    private sealed record ResizePlan(long[] Sizes, double[] Scales, (double Start, double End)[] Regions);
}
