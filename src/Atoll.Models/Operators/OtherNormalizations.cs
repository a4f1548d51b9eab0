namespace Atoll.Models;

/// <summary>Group, Lp and mean-variance normalization.</summary>
internal static class OtherNormalizations
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("GroupNormalization", InferGroup, GroupNormalize) { InputsMin = 3, InputsMax = 3, SinceOpset = 18 },
        new("LpNormalization", ShapeRules.SameAsFirst, LpNormalize),
        new("MeanVarianceNormalization", ShapeRules.SameAsFirst, MeanVariance) { SinceOpset = 9 },
    ];

    private static void InferGroup(OperatorCall call)
    {
        call.RequireRank(0, 2);
        var groups = call.Attributes.Int("num_groups");
        if (call.Shape(0) is { } shape && (groups < 1 || (shape[1] >= 0 && shape[1] % groups != 0)))
        {
            throw call.Fail(ModelError.InvalidAttribute, $"{shape[1]} channels do not make {groups} groups");
        }
        ShapeRules.RequireSameType(call);
        // One number per group, or per channel: as many in the bias as in the scale.
        if (call.Shape(0) is { } x && call.Shape(1) is { } scale && scale is not [-1])
        {
            ShapeRules.RequireShape(call, 1, scale is [var count] && count == groups ? groups : x[1]);
            ShapeRules.RequireShape(call, 2, scale);
        }
        ShapeRules.SameAsFirst(call);
    }

    /// <summary>Scale and bias are one number per group until opset 20, one per channel since.</summary>
    private static Tensor[] GroupNormalize(OperatorCall call)
    {
        var (x, scale, bias) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1), WideTensor.Of(call, 2));
        var shape = call.Input(0).Shape;
        var plane = WideTensor.Count(shape.Skip(2));
        var size = plane * (int)(shape[1] / call.Attributes.Int("num_groups"));
        for (var start = 0; start < x.Length; start += size)
        {
            NormalizationOperators.Standardize(x.AsSpan(start, size), call.Attributes.Float("epsilon", 1e-5f));
            for (var i = start; i < start + size; i++)
            {
                var c = i / plane % (int)shape[1] * scale.Length / (int)shape[1];
                x[i] = x[i] * scale[c] + bias[c];
            }
        }
        return [WideTensor.Narrow(call, x, shape, call.Type(0))];
    }

    private static Tensor[] LpNormalize(OperatorCall call)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape);
        var (outer, length, inner) = SortingOperators.Extent(shape,
            call.Axis(call.Attributes.Int("axis", -1), shape.Length));
        var p = call.Attributes.Int("p", 2);
        for (var row = 0; row < outer * inner; row++)
        {
            var start = row / inner * length * inner + row % inner;
            var sum = 0.0;
            for (var i = 0; i < length; i++)
            {
                var value = Math.Abs(x[start + i * inner]);
                sum += p == 1 ? value : value * value;
            }
            var norm = p == 1 ? sum : Math.Sqrt(sum);
            for (var i = 0; i < length; i++)
            {
                x[start + i * inner] = norm == 0 ? 0 : x[start + i * inner] / norm;
            }
        }
        return [WideTensor.Narrow(call, x, shape, call.Type(0))];
    }

    /// <summary>(x - mean) / (deviation + 1e-9) over the axes, which are 0, 2, 3 when none are given.</summary>
    private static Tensor[] MeanVariance(OperatorCall call)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape);
        var axes = call.Attributes.Ints("axes", [0, 2, 3]).Select(a => call.Axis(a, shape.Length)).ToHashSet();
        var strides = StridedWalk.RowMajor(shape);
        long[] outer = [.. shape.Select((d, i) => axes.Contains(i) ? 1 : d)];
        long[] inner = [.. shape.Select((d, i) => axes.Contains(i) ? d : 1)];
        var group = new double[WideTensor.Count(inner)];
        var outerWalk = new StridedWalk(outer, strides);
        for (var o = 0; o < WideTensor.Count(outer) && group.Length > 0; o++, outerWalk.Next())
        {
            var places = new long[group.Length];
            var walk = new StridedWalk(inner, strides);
            for (var i = 0; i < group.Length; i++, walk.Next())
            {
                places[i] = outerWalk.Offsets[0] + walk.Offsets[0];
                group[i] = x[places[i]];
            }
            var mean = group.Average();
            var deviation = Math.Sqrt(group.Average(v => (v - mean) * (v - mean))) + 1e-9;
            for (var i = 0; i < group.Length; i++)
            {
                x[places[i]] = (group[i] - mean) / deviation;
            }
        }
        return [WideTensor.Narrow(call, x, shape, call.Type(0))];
    }
}
