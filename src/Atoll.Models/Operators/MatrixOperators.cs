namespace Atoll.Models;

/// <summary>Matrix products over float32 tensors.</summary>
internal static class MatrixOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("MatMul", InferMatMul, MatMul) { InputsMin = 2, InputsMax = 2, IsHeavy = true },
        new("Gemm", InferGemm, Gemm) { InputsMin = 2, InputsMax = 3, IsHeavy = true },
    ];

    /// <summary>c += a (rows × depth) · b (depth × columns), all row-major.</summary>
    public static void Multiply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c,
        (int Rows, int Depth, int Columns) size)
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
        if (call.Shape(0) is not { } shapeA || call.Shape(1) is not { } shapeB)
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var (a, b) = Matrices(call, shapeA, shapeB);
        if (a[^1] >= 0 && b[^2] >= 0 && a[^1] != b[^2])
        {
            throw call.Fail(ModelError.InvalidShape, $"rows of {a[^1]} meet columns of {b[^2]}");
        }
        var stack = ShapeRules.Broadcast(call, a[..^2], b[..^2])!;
        call.Set(0, call.Type(0),
            [.. stack, .. shapeA.Length == 1 ? Array.Empty<long>() : [a[^2]], .. shapeB.Length == 1
                ? Array.Empty<long>() : [b[^1]]]);
    }

    private static Tensor[] MatMul(OperatorCall call)
    {
        var (tensorA, tensorB) = (RequireFloat(call, 0), RequireFloat(call, 1));
        var (a, b) = Matrices(call, tensorA.Shape, tensorB.Shape);
        var stack = ShapeRules.Broadcast(call, a[..^2], b[..^2])!;
        var size = (Rows: (int)a[^2], Depth: (int)a[^1], Columns: (int)b[^1]);
        var result = new float[ShapeRules.Product(stack)!.Value * size.Rows * size.Columns];
        var walk = new StridedWalk(stack, StridedWalk.Broadcast(a[..^2], stack), StridedWalk.Broadcast(b[..^2], stack));
        for (var at = 0; at < result.Length; at += size.Rows * size.Columns, walk.Next())
        {
            Multiply(tensorA.AsSpan<float>().Slice((int)walk.Offsets[0] * size.Rows * size.Depth,
                size.Rows * size.Depth),
                tensorB.AsSpan<float>().Slice((int)walk.Offsets[1] * size.Depth * size.Columns,
                    size.Depth * size.Columns),
                result.AsSpan(at, size.Rows * size.Columns), size);
        }
        return [Tensor.Float(call.OutputShape(), result)];
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

    private static Tensor[] Gemm(OperatorCall call)
    {
        var a = call.Attributes.Int("transA") != 0 ? MovementOperators.Transpose(RequireFloat(call, 0), [1, 0])
            : RequireFloat(call, 0);
        var b = call.Attributes.Int("transB") != 0 ? MovementOperators.Transpose(RequireFloat(call, 1), [1, 0])
            : RequireFloat(call, 1);
        var shape = call.OutputShape();
        var result = new float[shape[0] * shape[1]];
        Multiply(a.AsSpan<float>(), b.AsSpan<float>(), result, ((int)shape[0], (int)a.Shape[1], (int)shape[1]));
        var (alpha, beta) = (call.Attributes.Float("alpha", 1), call.Attributes.Float("beta", 1));
        var c = call.Has(2) ? RequireFloat(call, 2) : Tensor.Float([], [0f]);
        var walk = new StridedWalk(shape, StridedWalk.Broadcast(c.Shape, shape));
        for (var i = 0; i < result.Length; i++, walk.Next())
        {
            result[i] = alpha * result[i] + beta * c.AsSpan<float>()[(int)walk.Offsets[0]];
        }
        return [Tensor.Float(shape, result)];
    }

    public static Tensor RequireFloat(OperatorCall call, int input) => call.Type(input) == ElementType.Float32
        ? call.Input(input)
        : throw call.Fail(ModelError.UnsupportedType, $"it is had for Float32 tensors, not {call.Type(input)}");
}
