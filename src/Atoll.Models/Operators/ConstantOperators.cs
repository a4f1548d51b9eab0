using System.Numerics;

namespace Atoll.Models;

/// <summary>Operators that make tensors from nothing but attributes and small inputs.</summary>
internal static class ConstantOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Constant", InferConstant, call => [Value(call)]) { InputsMin = 0, InputsMax = 0 },
        new("ConstantOfShape", InferFilled, Filled) { SinceOpset = 9 },
        new("Range", InferRange, Range) { InputsMin = 3, InputsMax = 3, SinceOpset = 11 },
        new("Trilu", ShapeRules.SameAsFirst, Triangle) { InputsMax = 2, SinceOpset = 14 },
    ];

    private static void InferConstant(OperatorCall call)
    {
        var value = Value(call);
        call.Set(0, value.Type, value.Shape);
    }

    private static Tensor Value(OperatorCall call)
    {
        var attributes = call.Attributes;
        return attributes.Tensor("value") ?? attributes.Tensor("sparse_value")
            ?? (attributes.Has("value_float") ? Tensor.Float([], [attributes.Float("value_float")])
            : attributes.Has("value_int") ? Tensor.Int64([], [attributes.Int("value_int")])
            : attributes.Has("value_floats")
            ? Tensor.Float([attributes.Floats("value_floats").Length], attributes.Floats("value_floats"))
            : attributes.Has("value_ints")
            ? Tensor.Int64([attributes.Ints("value_ints").Length], attributes.Ints("value_ints"))
            : attributes.Has("value_string") ? Tensor.OfStrings([], [attributes.Text("value_string")])
            : attributes.Has("value_strings")
            ? Tensor.OfStrings([attributes.Texts("value_strings").Length], attributes.Texts("value_strings"))
            : throw call.Fail(ModelError.InvalidAttribute, "it has no value of a supported kind"));
    }

    private static Tensor FillOf(OperatorCall call)
    {
        var fill = call.Attributes.Tensor("value") ?? Tensor.Float([1], [0f]);
        return fill.ElementCount == 1 ? fill
            : throw call.Fail(ModelError.InvalidAttribute, "its value is not one element");
    }

    private static void InferFilled(OperatorCall call)
    {
        if (call.Constant(0) is null)
        {
            call.Set(0, FillOf(call).Type, call.Shape(0) is [var rank] && rank is >= 0 and < 64
                ? [.. Enumerable.Repeat(-1L, (int)rank)] : null);
            return;
        }
        var shape = call.IntsOf(0);
        call.Set(0, FillOf(call).Type, shape.All(d => d >= 0) ? shape
            : throw call.Fail(ModelError.InvalidShape, $"the shape [{string.Join(',', shape)}] is negative"));
    }

    private static Tensor[] Filled(OperatorCall call)
    {
        var shape = call.OutputShape();
        var fill = FillOf(call);
        return [StridedWalk.Copy(fill, shape, new long[shape.Length])];
    }

    private static void InferRange(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        var known = call.Constant(0) is not null && call.Constant(1) is not null && call.Constant(2) is not null;
        call.Set(0, call.Type(0), [known ? Count(call) : -1]);
    }

    private static long Count(OperatorCall call)
    {
        var (start, limit, step) = (Number(call, 0), Number(call, 1), Number(call, 2));
        var count = Math.Max(0, Math.Ceiling((limit - start) / step));
        return count < 1L << 60 ? (long)count
            : throw call.Fail(ModelError.InvalidShape, $"from {start} to {limit} by {step} is no finite range");
    }

    private static double Number(OperatorCall call, int input) =>
        CastOperator.Convert(call, call.Input(input), ElementType.Float64).AsSpan<double>()[0];

    private static Tensor[] Range(OperatorCall call) =>
        [NumericDispatch.Run(call, call.Type(0), new RangeAction(call))];

    /// <summary>Keeps the triangle above or below the k-th diagonal of each matrix.</summary>
    private static Tensor[] Triangle(OperatorCall call)
    {
        call.RequireRank(0, 2);
        var input = call.Input(0);
        var k = call.Has(1) ? call.IntsOf(1)[0] : 0;
        var upper = call.Attributes.Int("upper", 1) != 0;
        var (rows, columns) = (input.Shape[^2], input.Shape[^1]);
        var size = input.Type.SizeInBytes();
        var data = (byte[])input.Data.Clone();
        for (var i = 0L; i < input.ElementCount; i++)
        {
            var (row, column) = (i / columns % rows, i % columns);
            if (upper ? column - row < k : column - row > k)
            {
                data.AsSpan((int)i * size, size).Clear();
            }
        }
        return [new Tensor(input.Type, input.Shape, data)];
    }

    private readonly record struct RangeAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var values = new T[Call.OutputShape()[0]];
            var (start, step) = (Call.Input(0).AsSpan<T>()[0], Call.Input(2).AsSpan<T>()[0]);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = start + T.CreateTruncating(i) * step;
            }
            return Tensor.Of<T>(Call.Type(0), [values.Length], values);
        }
    }
}
