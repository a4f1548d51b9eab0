namespace Atoll.Models;

/// <summary>Pooling over tensors (batch, channels, spatial axes).</summary>
internal static class PoolingOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("MaxPool", InferPool, MaxPool) { OutputsMax = 2, IsHeavy = true },
        new("AveragePool", InferPool, AveragePool) { IsHeavy = true },
        new("LpPool", InferPool, LpPool) { IsHeavy = true },
        new("GlobalLpPool", InferGlobal, call =>
            [Global(call, values => Norm(call, values.ToArray().Sum(v => Powered(call, v))))]),
        new("GlobalAveragePool", InferGlobal, call =>
            [Global(call, values => values.ToArray().Average())]) { SinceOpset = 1 },
        new("GlobalMaxPool", InferGlobal, call =>
            [Global(call, values => ReductionOperators.Largest(values))]) { SinceOpset = 1 },
    ];

    private delegate double PlaneReducer(ReadOnlySpan<double> values);

    private static SpatialWindow WindowOf(OperatorCall call, long[] shape) =>
        SpatialWindow.Of(call, shape[2..], SpatialWindow.List(call, "kernel_shape", shape.Length - 2, 0, least: 1));

    private static void InferPool(OperatorCall call)
    {
        call.RequireRank(0, 3);
        long[]? shape = call.Shape(0) is { } input ? [input[0], input[1], .. WindowOf(call, input).Output] : null;
        call.Set(0, call.Type(0), shape);
        call.Set(1, ElementType.Int64, shape);
    }

    private static void InferGlobal(OperatorCall call)
    {
        call.RequireRank(0, 2);
        call.Set(0, call.Type(0), call.Shape(0)?.Select((d, i) => i < 2 ? d : 1).ToArray());
    }

    private static Tensor Global(OperatorCall call, PlaneReducer reducer)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape);
        var plane = WideTensor.Count(shape.Skip(2));
        var result = new double[shape[0] * shape[1]];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = reducer(x.AsSpan(i * plane, plane));
        }
        return WideTensor.Narrow(call, result, call.OutputShape(), call.Type(0));
    }

    private static double Powered(OperatorCall call, double value) =>
        Math.Pow(Math.Abs(value), call.Attributes.Int("p", 2));

    private static double Norm(OperatorCall call, double sum) => Math.Pow(sum, 1.0 / call.Attributes.Int("p", 2));

    private static Tensor[] LpPool(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var sums = new double[WideTensor.Count(call.OutputShape())];
        Visit(call, call.Input(0).Shape, (output, plane, input) =>
            sums[output] += Powered(call, x[plane * input.Size + input.Offset]));
        return [WideTensor.Narrow(call, Array.ConvertAll(sums, s => Norm(call, s)), call.OutputShape(),
            call.Type(0))];
    }

    private static Tensor[] MaxPool(OperatorCall call)
    {
        var (x, from, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape, call.OutputShape());
        var columnMajor = call.Attributes.Int("storage_order") != 0;
        var values = new double[ShapeRules.Product(shape)!.Value];
        var indices = new long[values.Length];
        Array.Fill(values, double.NegativeInfinity);
        Visit(call, from, (output, plane, input) =>
        {
            var at = plane * input.Size + input.Offset;
            if (x[at] > values[output] || double.IsNaN(x[at]))
            {
                (values[output], indices[output]) = (x[at], columnMajor
                    ? plane * input.Size + ColumnMajor(input.Offset, from) : at);
            }
        });
        return [WideTensor.Narrow(call, values, shape, call.Type(0)), Tensor.Int64(shape, indices)];
    }

    private static Tensor[] AveragePool(OperatorCall call)
    {
        var (x, from, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape, call.OutputShape());
        var sums = new double[ShapeRules.Product(shape)!.Value];
        var counts = new long[sums.Length];
        Visit(call, from, (output, plane, input) =>
        {
            sums[output] += x[plane * input.Size + input.Offset];
            counts[output]++;
        });
        if (call.Attributes.Int("count_include_pad") != 0)
        {
            CountPads(WindowOf(call, from), counts);
        }
        double[] means = [.. sums.Select((sum, i) => sum / Math.Max(1, counts[i]))];
        return [WideTensor.Narrow(call, means, shape, call.Type(0))];
    }

    /// <summary>
    /// Positions of each window that lie in the padded input; the overhang of a rounded-up last window does not count.
    /// </summary>
    private static void CountPads(SpatialWindow window, long[] counts)
    {
        var plane = (int)ShapeRules.Product(window.Output)!.Value;
        var strides = StridedWalk.RowMajor(window.Output);
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = 1;
            for (var axis = 0; axis < window.Rank; axis++)
            {
                var start = i % plane / strides[axis] % window.Output[axis] * window.Strides[axis];
                var end = window.Input[axis] + window.PadsBegin[axis] + window.PadsEnd[axis];
                counts[i] *= Math.Min(window.Kernel[axis],
                    (end - start + window.Dilations[axis] - 1) / window.Dilations[axis]);
            }
        }
    }

    private static long ColumnMajor(int offset, long[] shape)
    {
        var (result, step) = (0L, 1L);
        var strides = StridedWalk.RowMajor(shape[2..]);
        for (var axis = 0; axis < strides.Length; axis++)
        {
            result += offset / strides[axis] % shape[axis + 2] * step;
            step *= shape[axis + 2];
        }
        return result;
    }

    /// <summary>
    /// Calls back for every input element under every window, with the output, the plane and the element's place in the
    /// plane.
    /// </summary>
    private static void Visit(OperatorCall call, long[] shape, Action<int, int, (int Offset, int Size)> action)
    {
        var window = WindowOf(call, shape);
        var planes = (int)(shape[0] * shape[1]);
        var size = (int)ShapeRules.Product(window.Input)!.Value;
        var outputs = (int)ShapeRules.Product(window.Output)!.Value;
        var taps = (int)ShapeRules.Product(window.Kernel)!.Value;
        var own = StridedWalk.RowMajor(window.Input);
        for (var o = 0; o < outputs; o++)
        {
            for (var tap = 0; tap < taps; tap++)
            {
                var offset = window.OffsetOf(own, o, tap);
                for (var plane = 0; offset >= 0 && plane < planes; plane++)
                {
                    action(plane * outputs + o, plane, (offset, size));
                }
            }
        }
    }
}
