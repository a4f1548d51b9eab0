namespace Atoll.Models;

/// <summary>
/// Operators that rename the dimensions of a tensor and leave its elements where they are, and those that ask for its
/// shape.
/// </summary>
internal static class ShapeOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Reshape", InferReshape, View) { InputsMin = 2, InputsMax = 2 },
        new("Flatten", InferFlatten, View),
        new("Squeeze", InferSqueeze, View) { InputsMax = 2 },
        new("Unsqueeze", InferUnsqueeze, View) { InputsMax = 2 },
        new("Identity", call => call.Set(0, call.Info(0)!.Value), call => [call.Value(0)]) { TakesContainers = true },
        new("Dropout", InferDropout, Dropout) { InputsMax = 3, OutputsMax = 2 },
        new("Shape", InferShape, ShapeOf) { NeedsShapesOnly = true },
        new("Size", call => call.Set(0, ElementType.Int64, []), SizeOf) { NeedsShapesOnly = true },
    ];

    private static Tensor[] View(OperatorCall call) =>
        [new Tensor(call.Type(0), call.OutputShape(), call.Input(0).Data)];

    private static void InferReshape(OperatorCall call)
    {
        if (call.Constant(1) is null)
        {
            call.Set(0, call.Type(0), call.Shape(1) is [var rank] && rank is >= 0 and < 64
                ? [.. Enumerable.Repeat(-1L, (int)rank)] : null);
            return;
        }
        var target = call.IntsOf(1);
        var input = call.Shape(0);
        var keepsZero = call.Attributes.Int("allowzero") != 0;
        for (var i = 0; i < target.Length; i++)
        {
            if (target[i] == 0 && !keepsZero)
            {
                target[i] = input is null ? -1 : i < input.Length ? input[i] : throw BadReshape(call, target);
            }
        }
        call.Set(0, call.Type(0), Infer(call, input, call.IntsOf(1), target));
    }

    /// <param name="call">The reshape.</param>
    /// <param name="input">The input's shape.</param>
    /// <param name="asked">The shape asked for, with -1 for the one dimension to be inferred.</param>
    /// <param name="target">The same with zeros resolved, -1 where that dimension is unknown.</param>
    private static long[]? Infer(OperatorCall call, long[]? input, long[] asked, long[] target)
    {
        var holes = asked.Count(d => d == -1);
        if (holes > 1 || asked.Any(d => d < -1))
        {
            throw BadReshape(call, asked);
        }
        var total = input is null ? null : ShapeRules.Product(input);
        var hole = Array.IndexOf(asked, -1);
        var rest = ShapeRules.Product(target.Where((_, i) => i != hole));
        if (total is null || rest is null)
        {
            return target;
        }
        if (hole >= 0)
        {
            target[hole] = rest == 0 ? 0 : total.Value / rest.Value;
        }
        return ShapeRules.Product(target) == total ? target : throw BadReshape(call, asked);
    }

    private static ModelException BadReshape(OperatorCall call, long[] target) =>
        call.Fail(ModelError.InvalidShape, $"cannot be reshaped to [{string.Join(',', target)}]");

    private static void InferFlatten(OperatorCall call)
    {
        if (call.Shape(0) is not { } shape)
        {
            call.Set(0, call.Type(0), [-1, -1]);
            return;
        }
        var given = call.Attributes.Int("axis", 1);
        var axis = given == shape.Length ? shape.Length : call.Axis(given, shape.Length);
        call.Set(0, call.Type(0), [ShapeRules.Product(shape.Take(axis)) ?? -1,
            ShapeRules.Product(shape.Skip(axis)) ?? -1]);
    }

    private static void InferSqueeze(OperatorCall call)
    {
        var axes = call.Ints("axes", 1, 13, out var known);
        if (call.Shape(0) is not { } shape || !known || (axes is null && shape.Contains(-1)))
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var drop = (axes ?? [.. Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1).Select(i => (long)i)])
            .Select(a => call.Axis(a, shape.Length)).ToHashSet();
        if (drop.FirstOrDefault(a => shape[a] > 1 || shape[a] == 0, -1) is var bad and >= 0)
        {
            throw call.Fail(ModelError.InvalidShape, $"dimension {bad} is {shape[bad]}, not 1");
        }
        call.Set(0, call.Type(0), [.. shape.Where((_, i) => !drop.Contains(i))]);
    }

    private static void InferUnsqueeze(OperatorCall call)
    {
        var axes = call.Ints("axes", 1, 13, out var known);
        if (call.Shape(0) is not { } shape || !known)
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var given = axes ?? throw call.Fail(ModelError.InvalidAttribute, "no axes are given");
        var rank = shape.Length + given.Length;
        var added = given.Select(a => call.Axis(a, rank)).ToHashSet();
        if (added.Count != given.Length)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"axes [{string.Join(',', given)}] name one twice");
        }
        var next = 0;
        call.Set(0, call.Type(0), [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : shape[next++])]);
    }

    private static void InferDropout(OperatorCall call)
    {
        ShapeRules.SameAsFirst(call);
        call.Set(1, call.Opset < 10 ? call.Type(0) : ElementType.Bool, call.Shape(0));
    }

    /// <summary>In inference nothing is dropped, and the mask says that everything was kept.</summary>
    private static Tensor[] Dropout(OperatorCall call)
    {
        var ratio = WideTensor.Scalar(call, 1, 0.5);
        var isTraining = WideTensor.Scalar(call, 2, 0) != 0 && ratio > 0;
        var (x, seed) = (WideTensor.Of(call, 0), RandomOperators.Seed(call));
        var mask = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            mask[i] = !isTraining || RandomOperators.Number(seed, i) >= ratio ? 1 : 0;
            x[i] = isTraining ? mask[i] == 0 ? 0 : x[i] / (1 - ratio) : x[i];
        }
        var shape = call.Input(0).Shape;
        return [isTraining ? WideTensor.Narrow(call, x, shape, call.Type(0)) : call.Input(0),
            WideTensor.Narrow(call, mask, shape, call.OutputCount > 1 ? call.Output(1).Type : ElementType.Bool)];
    }

    private static (int Start, int End) Range(OperatorCall call, int rank)
    {
        var start = Clamp(call.Attributes.Int("start"), rank);
        var end = Clamp(call.Attributes.Int("end", rank), rank);
        return (start, Math.Max(start, end));
    }

    private static int Clamp(long axis, int rank) => (int)Math.Clamp(axis < 0 ? axis + rank : axis, 0, rank);

    private static void InferShape(OperatorCall call)
    {
        var count = -1L;
        if (call.Shape(0) is { } shape)
        {
            var (start, end) = Range(call, shape.Length);
            count = end - start;
        }
        call.Set(0, ElementType.Int64, [count]);
    }

    private static Tensor[] ShapeOf(OperatorCall call)
    {
        var shape = call.Shape(0)!;
        var (start, end) = Range(call, shape.Length);
        return [Tensor.Int64([end - start], shape.AsSpan(start, end - start))];
    }

    private static Tensor[] SizeOf(OperatorCall call) =>
        [Tensor.Int64([], [ShapeRules.Product(call.Shape(0)!)!.Value])];
}
