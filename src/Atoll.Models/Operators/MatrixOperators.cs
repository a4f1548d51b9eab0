using System.Numerics;

namespace Atoll.Models;

/// <summary>Matrix products.</summary>
internal static class MatrixOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("MatMul", InferMatMul, MatMul) { InputsMin = 2, InputsMax = 2, IsHeavy = true },
        new("Gemm", InferGemm, Gemm) { InputsMin = 2, InputsMax = 3, IsHeavy = true },
    ];

    /// <summary>c += a (rows × depth) · b (depth × columns), all row-major.</summary>
    public static void Multiply<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> c,
        (int Rows, int Depth, int Columns) size) where T : unmanaged, INumber<T>
    {
        for (var row = 0; row < size.Rows; row++)
        {
            var sums = c.Slice(row * size.Columns, size.Columns);
            for (var k = 0; k < size.Depth; k++)
            {
                var factor = a[row * size.Depth + k];
                var line = b.Slice(k * size.Columns, size.Columns);
                for (var column = 0; column < sums.Length; column++)
                {
                    sums[column] += factor * line[column];
                }
            }
        }
    }

    /// <summary>Both shapes as stacks of matrices: a vector on the left is a row, on the right a column.</summary>
    private static (long[] A, long[] B) Matrices(OperatorCall call, long[] a, long[] b)
    {
        if (a.Length == 0 || b.Length == 0)
        {
            throw call.Fail(ModelError.InvalidShape, "a matrix product needs tensors of rank 1 or more");
        }
        return (a.Length == 1 ? [1, a[0]] : a, b.Length == 1 ? [b[0], 1] : b);
    }

    private static void InferMatMul(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        InferMatMul(call, 0, 1, call.Type(0));
    }

    /// <summary>The shape rule of MatMul for operands in the given places.</summary>
    public static void InferMatMul(OperatorCall call, int left, int right, ElementType type)
    {
        if (call.Shape(left) is not { } shapeA || call.Shape(right) is not { } shapeB)
        {
            call.Set(0, type, null);
            return;
        }
        var (a, b) = Matrices(call, shapeA, shapeB);
        if (a[^1] >= 0 && b[^2] >= 0 && a[^1] != b[^2])
        {
            throw call.Fail(ModelError.InvalidShape, $"rows of {a[^1]} meet columns of {b[^2]}");
        }
        var stack = ShapeRules.Broadcast(call, a[..^2], b[..^2])!;
        call.Set(0, type,
            [.. stack, .. shapeA.Length == 1 ? Array.Empty<long>() : [a[^2]], .. shapeB.Length == 1
                ? Array.Empty<long>() : [b[^1]]]);
    }

    private static Tensor[] MatMul(OperatorCall call) =>
        [NumericDispatch.Run(call, call.Type(0), new ProductAction(call, call.Input(0), call.Input(1)))];

    /// <summary>The product of two stacks of matrices, as MatMul has it; the call gives the result's shape.</summary>
    public static T[] Stacks<T>(OperatorCall call, (T[] Values, long[] Shape) left, (T[] Values, long[] Shape) right)
        where T : unmanaged, INumber<T>
    {
        var (a, b) = Matrices(call, left.Shape, right.Shape);
        var stack = ShapeRules.Broadcast(call, a[..^2], b[..^2])!;
        var size = (Rows: (int)a[^2], Depth: (int)a[^1], Columns: (int)b[^1]);
        var result = new T[ShapeRules.Product(stack)!.Value * size.Rows * size.Columns];
        var walk = new StridedWalk(stack, StridedWalk.Broadcast(a[..^2], stack), StridedWalk.Broadcast(b[..^2], stack));
        for (var at = 0; at < result.Length; at += size.Rows * size.Columns, walk.Next())
        {
            Multiply<T>(left.Values.AsSpan((int)walk.Offsets[0] * size.Rows * size.Depth, size.Rows * size.Depth),
                right.Values.AsSpan((int)walk.Offsets[1] * size.Depth * size.Columns, size.Depth * size.Columns),
                result.AsSpan(at, size.Rows * size.Columns), size);
        }
        return result;
    }

    private static void InferGemm(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        call.RequireRank(0, 2, 2);
        call.RequireRank(1, 2, 2);
        var (a, b) = (call.Shape(0) ?? [-1, -1], call.Shape(1) ?? [-1, -1]);
        var (rows, depth) = call.Attributes.Int("transA") != 0 ? (a[1], a[0]) : (a[0], a[1]);
        var (other, columns) = call.Attributes.Int("transB") != 0 ? (b[1], b[0]) : (b[0], b[1]);
        if (depth >= 0 && other >= 0 && depth != other)
        {
            throw call.Fail(ModelError.InvalidShape, $"rows of {depth} meet columns of {other}");
        }
        if (call.Shape(2) is { } c && (c.Length > 2 ||
            ShapeRules.Broadcast(call, [rows, columns], c) is not [var m, var n] ||
            (rows >= 0 && m != rows) || (columns >= 0 && n != columns)))
        {
            throw call.Fail(ModelError.InvalidShape, $"the addend does not broadcast to [{rows},{columns}]");
        }
        call.Set(0, call.Type(0), [rows, columns]);
    }

    private static Tensor[] Gemm(OperatorCall call) =>
        [NumericDispatch.Run(call, call.Type(0), new GemmAction(call))];


    private readonly record struct ProductAction(OperatorCall Call, Tensor A, Tensor B) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T> => Tensor.Of<T>(A.Type, Call.OutputShape(),
            Stacks(Call, (A.AsSpan<T>().ToArray(), A.Shape), (B.AsSpan<T>().ToArray(), B.Shape)));
    }

    private readonly record struct GemmAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var (a, b) = (Operand(0, "transA"), Operand(1, "transB"));
            var shape = Call.OutputShape();
            var result = new T[shape[0] * shape[1]];
            Multiply(a.AsSpan<T>(), b.AsSpan<T>(), result, ((int)shape[0], (int)a.Shape[1], (int)shape[1]));
            var (alpha, beta) = (T.CreateTruncating(Call.Attributes.Float("alpha", 1)),
                T.CreateTruncating(Call.Attributes.Float("beta", 1)));
            ReadOnlySpan<T> c = Call.Has(2) ? Call.Input(2).AsSpan<T>() : [T.Zero];
            var walk = new StridedWalk(shape, StridedWalk.Broadcast(Call.Has(2) ? Call.Input(2).Shape : [], shape));
            for (var i = 0; i < result.Length; i++, walk.Next())
            {
                result[i] = alpha * result[i] + beta * c[(int)walk.Offsets[0]];
            }
            return Tensor.Of<T>(Call.Type(0), shape, result);
        }

        private Tensor Operand(int input, string transposed) => Call.Attributes.Int(transposed) != 0
            ? MovementOperators.Transpose(Call.Input(input), [1, 0])
            : Call.Input(input);
    }
}
