using System.Numerics;

namespace Atoll.Models;

/// <summary>One-hot and identity matrices, shifts and bitwise logic of integers, and determinants.</summary>
internal static class SelectionOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("OneHot", InferOneHot, OneHot) { InputsMin = 3, InputsMax = 3, SinceOpset = 9 },
        new("EyeLike", InferEye, Eye) { SinceOpset = 9, NeedsShapesOnly = true },
        Bits("BitShift", 11, (a, b, isRight) => b > 63 ? 0 : isRight ? a >> (int)b : a << (int)b),
        Bits("BitwiseAnd", 18, (a, b, _) => a & b), Bits("BitwiseOr", 18, (a, b, _) => a | b),
        Bits("BitwiseXor", 18, (a, b, _) => a ^ b),
        new("BitwiseNot", ShapeRules.SameAsFirst, Complement) { SinceOpset = 18 },
        new("Det", InferDeterminant, Determinant) { SinceOpset = 11, IsHeavy = true },
    ];

    private static void InferOneHot(OperatorCall call)
    {
        ShapeRules.RequireShape(call, 2, 2);
        var depth = call.Constant(1) is null ? -1 : (long)WideTensor.Of(call, 1)[0];
        if (call.Shape(0) is not { } shape)
        {
            call.Set(0, call.Type(2), null);
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis", -1), shape.Length + 1);
        call.Set(0, call.Type(2), [.. shape[..axis], depth, .. shape[axis..]]);
    }

    /// <summary>An index outside the depth leaves its whole row off.</summary>
    private static Tensor[] OneHot(OperatorCall call)
    {
        var (indices, values, output) = (WideTensor.Of(call, 0), call.Input(2), call.OutputShape());
        var axis = call.Axis(call.Attributes.Int("axis", -1), output.Length);
        var (_, depth, inner) = SortingOperators.Extent(output, axis);
        var size = values.Type.SizeInBytes();
        var data = new byte[WideTensor.Count(output) * size];
        for (var i = 0; i < data.Length / size; i++)
        {
            var index = (long)indices[i / inner / depth * inner + i % inner];
            var isOn = (index < 0 ? index + depth : index) == i / inner % depth;
            values.Data.AsSpan(isOn ? size : 0, size).CopyTo(data.AsSpan(i * size));
        }
        return [new Tensor(values.Type, output, data)];
    }

    private static void InferEye(OperatorCall call)
    {
        call.RequireRank(0, 2, 2);
        call.Set(0, call.Attributes.Has("dtype") ? (ElementType)call.Attributes.Int("dtype") : call.Type(0),
            call.Shape(0));
    }

    private static Tensor[] Eye(OperatorCall call)
    {
        var shape = call.Shape(0)!;
        var result = new double[WideTensor.Count(shape)];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = i % shape[1] - i / shape[1] == call.Attributes.Int("k") ? 1 : 0;
        }
        return [WideTensor.Narrow(call, result, shape, call.Output(0).Type)];
    }

    private static OperatorDefinition Bits(string name, int since, Func<ulong, ulong, bool, ulong> function) => new(
        name, InferBits, call => [NumericDispatch.Run(call, call.Type(0), new BitAction(call, function))])
    {
        InputsMin = 2, InputsMax = 2, SinceOpset = since,
    };

    private static void InferBits(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        if (call.Type(0) is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.Bool)
        {
            throw call.Fail(ModelError.UnsupportedType, "it takes integers");
        }
        ShapeRules.BroadcastAll(call, call.Type(0));
    }

    private static Tensor[] Complement(OperatorCall call) =>
        [new Tensor(call.Type(0), call.Input(0).Shape, Array.ConvertAll(call.Input(0).Data, b => (byte)~b))];

    private static void InferDeterminant(OperatorCall call)
    {
        call.RequireRank(0, 2);
        call.Set(0, call.Type(0), call.Shape(0) is { } shape ? shape[..^2] : null);
    }

    /// <summary>By elimination with partial pivoting.</summary>
    private static Tensor[] Determinant(OperatorCall call)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape);
        var n = shape[^1] == shape[^2] ? (int)shape[^1]
            : throw call.Fail(ModelError.InvalidShape, "its matrices are not square");
        var result = new double[WideTensor.Count(shape[..^2])];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = Determinant(x.AsSpan(i * n * n, n * n).ToArray(), n);
        }
        return [WideTensor.Narrow(call, result, shape[..^2], call.Type(0))];
    }

    private static double Determinant(double[] matrix, int n)
    {
        var result = 1.0;
        for (var k = 0; k < n; k++)
        {
            var pivot = Enumerable.Range(k, n - k).MaxBy(row => Math.Abs(matrix[row * n + k]));
            if (matrix[pivot * n + k] == 0)
            {
                return 0;
            }
            for (var column = 0; column < n && pivot != k; column++)
            {
                (matrix[k * n + column], matrix[pivot * n + column]) =
                    (matrix[pivot * n + column], matrix[k * n + column]);
            }
            result *= (pivot == k ? 1 : -1) * matrix[k * n + k];
            for (var row = k + 1; row < n; row++)
            {
                var factor = matrix[row * n + k] / matrix[k * n + k];
                for (var column = k; column < n; column++)
                {
                    matrix[row * n + column] -= factor * matrix[k * n + column];
                }
            }
        }
        return result;
    }

    private readonly record struct BitAction(OperatorCall Call, Func<ulong, ulong, bool, ulong> Function)
        : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var shape = Call.OutputShape();
            var a = Call.Input(0).AsSpan<T>();
            var b = Call.Input(1).AsSpan<T>();
            var isRight = Call.Attributes.Text("direction") == "RIGHT";
            var result = new T[WideTensor.Count(shape)];
            var walk = new StridedWalk(shape, StridedWalk.Broadcast(Call.Input(0).Shape, shape),
                StridedWalk.Broadcast(Call.Input(1).Shape, shape));
            for (var i = 0; i < result.Length; i++, walk.Next())
            {
                result[i] = T.CreateTruncating(Function(ulong.CreateTruncating(a[(int)walk.Offsets[0]]),
                    ulong.CreateTruncating(b[(int)walk.Offsets[1]]), isRight));
            }
            return Tensor.Of<T>(Call.Type(0), shape, result);
        }
    }
}
