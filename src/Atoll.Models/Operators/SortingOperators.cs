using System.Numerics;

namespace Atoll.Models;

/// <summary>Operators that order or accumulate along one axis.</summary>
internal static class SortingOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("TopK", InferTopK, TopK) { InputsMax = 2, OutputsMax = 2 },
        new("CumSum", ShapeRules.SameAsFirst, CumulativeSum) { InputsMin = 2, InputsMax = 2, SinceOpset = 11 },
        new("ReverseSequence", InferReverse, ReverseSequence) { InputsMin = 2, InputsMax = 2,
            SinceOpset = 10 },
        new("Hardmax", ShapeRules.SameAsFirst, Hardmax),
    ];

    /// <summary>Sizes before, along and after an axis.</summary>
    public static (int Outer, int Length, int Inner) Extent(long[] shape, int axis) =>
        (WideTensor.Count(shape.Take(axis)), (int)shape[axis], WideTensor.Count(shape.Skip(axis + 1)));

    private static void InferTopK(OperatorCall call)
    {
        var known = call.Opset < 10 || call.Constant(1) is not null;
        var k = !known ? -1 : call.Opset < 10 ? call.Attributes.Int("k") : call.IntsOf(1)[0];
        var shape = (long[]?)call.Shape(0)?.Clone();
        if (shape is not null)
        {
            var axis = call.Axis(call.Attributes.Int("axis", -1), shape.Length);
            if (known && (k < 0 || (shape[axis] >= 0 && k > shape[axis])))
            {
                throw call.Fail(ModelError.InvalidAttribute, $"the first {k} of {shape[axis]} are asked for");
            }
            shape[axis] = k;
        }
        call.Set(0, call.Type(0), shape);
        call.Set(1, ElementType.Int64, shape);
    }

    private static Tensor[] TopK(OperatorCall call)
    {
        var indices = new long[WideTensor.Count(call.OutputShape())];
        var values = NumericDispatch.Run(call, call.Type(0), new TopAction(call, indices));
        return [values, Tensor.Int64(call.OutputShape(), indices)];
    }

    private static Tensor[] CumulativeSum(OperatorCall call)
    {
        var axis = call.Axis(call.IntsOf(1)[0], call.Input(0).Shape.Length);
        return [NumericDispatch.Run(call, call.Type(0), new SumAction(call, axis))];
    }

    private static void InferReverse(OperatorCall call)
    {
        call.RequireRank(0, 2);
        ShapeRules.RequireIndices(call, 1);
        if (call.Shape(0) is { } shape)
        {
            var batch = call.Axis(call.Attributes.Int("batch_axis", 1), shape.Length);
            if (batch == call.Axis(call.Attributes.Int("time_axis"), shape.Length))
            {
                throw call.Fail(ModelError.InvalidAttribute, "time and batch are one axis");
            }
            ShapeRules.RequireShape(call, 1, shape[batch]);
        }
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor[] ReverseSequence(OperatorCall call)
    {
        var input = call.Input(0);
        var (time, batch) = (call.Axis(call.Attributes.Int("time_axis"), input.Shape.Length),
            call.Axis(call.Attributes.Int("batch_axis", 1), input.Shape.Length));
        var lengths = call.IntsOf(1);
        if (Array.Exists(lengths, length => length < 0 || length > input.Shape[time]))
        {
            throw call.Fail(ModelError.InvalidShape,
                $"a sequence length is out of range; allowed is 0 to {input.Shape[time]}");
        }
        var strides = StridedWalk.RowMajor(input.Shape);
        var size = input.Type.SizeInBytes();
        var data = new byte[input.Data.Length];
        for (var i = 0L; i < input.ElementCount; i++)
        {
            var (t, b) = (i / strides[time] % input.Shape[time], i / strides[batch] % input.Shape[batch]);
            var from = t < lengths[b] ? i + (lengths[b] - 1 - 2 * t) * strides[time] : i;
            input.Data.AsSpan((int)from * size, size).CopyTo(data.AsSpan((int)i * size));
        }
        return [new Tensor(input.Type, input.Shape, data)];
    }

    /// <summary>
    /// 1 at the first largest element, else 0; before opset 13 all axes from the given one on are one.
    /// </summary>
    private static Tensor[] Hardmax(OperatorCall call)
    {
        var shape = call.Input(0).Shape;
        var axis = call.Axis(call.Attributes.Int("axis", call.Opset < 13 ? 1 : -1), shape.Length);
        var (outer, length, inner) = call.Opset < 13
            ? (WideTensor.Count(shape.Take(axis)), WideTensor.Count(shape.Skip(axis)), 1)
            : Extent(shape, axis);
        var x = WideTensor.Of(call, 0);
        var result = new double[x.Length];
        for (var row = 0; row < outer * inner && length > 0; row++)
        {
            var start = row / inner * length * inner + row % inner;
            var best = 0;
            for (var i = 1; i < length; i++)
            {
                best = x[start + i * inner] > x[start + best * inner] ? i : best;
            }
            result[start + best * inner] = 1;
        }
        return [WideTensor.Narrow(call, result, shape, call.Type(0))];
    }

    /// <summary>Equal values keep the order of their indices.</summary>
    private readonly record struct TopAction(OperatorCall Call, long[] Indices) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var shape = Call.Input(0).Shape;
            var x = Call.Input(0).AsSpan<T>().ToArray();
            var axis = Call.Axis(Call.Attributes.Int("axis", -1), shape.Length);
            var (outer, length, inner) = Extent(shape, axis);
            var k = (int)Call.OutputShape()[axis];
            var sign = Call.Opset < 11 || Call.Attributes.Int("largest", 1) != 0 ? -1 : 1;
            var values = new T[outer * k * inner];
            for (var row = 0; row < outer * inner; row++)
            {
                var start = row / inner * length * inner + row % inner;
                var order = Enumerable.Range(0, length).ToArray();
                Array.Sort(order, (a, b) => x[start + a * inner].CompareTo(x[start + b * inner]) * sign is var c and
                    not 0 ? c : a - b);
                for (var i = 0; i < k; i++)
                {
                    var at = row / inner * k * inner + i * inner + row % inner;
                    (values[at], Indices[at]) = (x[start + order[i] * inner], order[i]);
                }
            }
            return Tensor.Of<T>(Call.Type(0), Call.OutputShape(), values);
        }
    }

    private readonly record struct SumAction(OperatorCall Call, int Axis) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var x = Call.Input(0).AsSpan<T>();
            var (outer, length, inner) = Extent(Call.Input(0).Shape, Axis);
            var (exclusive, reverse) = (Call.Attributes.Int("exclusive") != 0, Call.Attributes.Int("reverse") != 0);
            var result = new T[x.Length];
            for (var row = 0; row < outer * inner; row++)
            {
                var sum = T.Zero;
                for (var i = 0; i < length; i++)
                {
                    var step = reverse ? length - 1 - i : i;
                    var at = (row / inner * length + step) * inner + row % inner;
                    result[at] = exclusive ? sum : sum + x[at];
                    sum += x[at];
                }
            }
            return Tensor.Of<T>(Call.Type(0), Call.Input(0).Shape, result);
        }
    }
}
