namespace Atoll.Models;

/// <summary>
/// Operators that join the elements along axes. Axes are an attribute in older operator sets and an input in newer
/// ones.
/// </summary>
internal static class ReductionOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Reduce("ReduceSum", 13, v => Sum(v, x => x)), Reduce("ReduceMean", 18, v => Sum(v, x => x) / v.Length),
        Reduce("ReduceMax", 18, Largest), Reduce("ReduceMin", 18, v => -Largest(Negated(v))),
        Reduce("ReduceProd", 18, v => v.ToArray().Aggregate(1.0, (product, x) => product * x)),
        Reduce("ReduceL1", 18, v => Sum(v, Math.Abs)), Reduce("ReduceL2", 18, v => Math.Sqrt(Sum(v, x => x * x))),
        Reduce("ReduceSumSquare", 18, v => Sum(v, x => x * x)),
        Reduce("ReduceLogSum", 18, v => Math.Log(Sum(v, x => x))),
        Reduce("ReduceLogSumExp", 18, LogSumExp),
        new("ArgMax", InferArg, call => ArgBest(call, (x, best) => x > best)),
        new("ArgMin", InferArg, call => ArgBest(call, (x, best) => x < best)),
    ];

    private delegate double Reducer(ReadOnlySpan<double> values);

    /// <summary>Which axes a reduction joins; null while they are unknown.</summary>
    public static bool[]? Joined(OperatorCall call, int axesInputSince, int rank)
    {
        var axes = call.Ints("axes", 1, axesInputSince, out var known);
        if (!known)
        {
            return null;
        }
        var joined = new bool[rank];
        if (axes is null or [])
        {
            Array.Fill(joined, call.Attributes.Int("noop_with_empty_axes") == 0);
            return joined;
        }
        foreach (var axis in axes)
        {
            joined[call.Axis(axis, rank)] = true;
        }
        return joined;
    }

    private static OperatorDefinition Reduce(string name, int axesInputSince, Reducer reducer) =>
        new(name, call => InferReduction(call, axesInputSince), call =>
            [Reduce(call, axesInputSince, reducer)]) { InputsMax = 2 };

    private static void InferReduction(OperatorCall call, int axesInputSince)
    {
        var keep = call.Attributes.Int("keepdims", 1) != 0;
        if (call.Shape(0) is not { } shape || Joined(call, axesInputSince, shape.Length) is not { } joined)
        {
            call.Set(0, call.Type(0), call.Shape(0) is { } unknown && keep ? Array.ConvertAll(unknown, _ => -1L)
                : null);
            return;
        }
        call.Set(0, call.Type(0), keep
            ? [.. shape.Select((d, i) => joined[i] ? 1 : d)]
            : [.. shape.Where((_, i) => !joined[i])]);
    }

    private static Tensor Reduce(OperatorCall call, int axesInputSince, Reducer reducer)
    {
        var input = call.Input(0);
        var joined = Joined(call, axesInputSince, input.Shape.Length)!;
        var values = CastOperator.Convert(call, input, ElementType.Float64).AsSpan<double>();
        var own = StridedWalk.RowMajor(input.Shape);
        long[] outer = [.. input.Shape.Select((d, i) => joined[i] ? 1 : d)];
        long[] inner = [.. input.Shape.Select((d, i) => joined[i] ? d : 1)];
        var group = new double[ShapeRules.Product(inner)!.Value];
        var result = new double[ShapeRules.Product(outer)!.Value];
        var outerWalk = new StridedWalk(outer, own);
        for (var o = 0; o < result.Length; o++, outerWalk.Next())
        {
            var walk = new StridedWalk(inner, own);
            for (var i = 0; i < group.Length; i++, walk.Next())
            {
                group[i] = values[(int)(outerWalk.Offsets[0] + walk.Offsets[0])];
            }
            result[o] = reducer(group);
        }
        var wide = Tensor.Of<double>(ElementType.Float64, call.OutputShape(), result);
        return CastOperator.Convert(call, wide, input.Type);
    }

    private static double Sum(ReadOnlySpan<double> values, Func<double, double> term)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += term(value);
        }
        return sum;
    }

    /// <summary>Minus infinity of nothing; not a number where one of them is none.</summary>
    public static double Largest(ReadOnlySpan<double> values)
    {
        var largest = double.NegativeInfinity;
        foreach (var value in values)
        {
            largest = Math.Max(largest, value);
        }
        return largest;
    }

    private static double[] Negated(ReadOnlySpan<double> values) => Array.ConvertAll(values.ToArray(), v => -v);

    private static double LogSumExp(ReadOnlySpan<double> values)
    {
        var max = Largest(values);
        return double.IsInfinity(max) ? max : max + Math.Log(Sum(values, x => Math.Exp(x - max)));
    }

    private static void InferArg(OperatorCall call)
    {
        if (call.Shape(0) is not { } shape)
        {
            call.Set(0, ElementType.Int64, null);
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis"), shape.Length);
        if (shape[axis] == 0)
        {
            throw call.Fail(ModelError.InvalidShape, $"axis {axis} is empty, so none of it is an extreme");
        }
        var keep = call.Attributes.Int("keepdims", 1) != 0;
        call.Set(0, ElementType.Int64, [.. shape[..axis], .. keep ? [1L] : Array.Empty<long>(),
            .. shape[(axis + 1)..]]);
    }

    private static Tensor[] ArgBest(OperatorCall call, Func<double, double, bool> better)
    {
        var shape = call.Input(0).Shape;
        var values = CastOperator.Convert(call, call.Input(0), ElementType.Float64).AsSpan<double>();
        var axis = call.Axis(call.Attributes.Int("axis"), shape.Length);
        var last = call.Attributes.Int("select_last_index") != 0;
        var inner = (int)ShapeRules.Product(shape.Skip(axis + 1))!.Value;
        var dim = (int)shape[axis];
        var result = new long[ShapeRules.Product(call.OutputShape())!.Value];
        for (var o = 0; o < result.Length; o++)
        {
            var start = o / inner * dim * inner + o % inner;
            for (var i = 1; i < dim; i++)
            {
                var (x, best) = (values[start + i * inner], values[start + (int)result[o] * inner]);
                result[o] = better(x, best) || (last && x == best) ? i : result[o];
            }
        }
        return [Tensor.Int64(call.OutputShape(), result)];
    }
}
