namespace Atoll.Models;

/// <summary>
/// What kernels of bytes take for granted: they read zero points, scales and biases by address, and so types and counts
/// are checked before.
/// </summary>
internal static class QuantizedOperands
{
    /// <summary>Bytes a whole product takes; zero points of its type, as many of b as it has columns or one.</summary>
    /// <exception cref="ModelException">No kernel takes the operands.</exception>
    public static void CheckZeros(
        GraphNode node, (GraphValue? A, GraphValue? B) values, (TensorView? A, TensorView? B) zeros, long columns)
    {
        var isRight = values is ({ } a, { } b) && IsByte(a.Type) && IsByte(b.Type) &&
            (zeros.A is null || (zeros.A.Type == a.Type && zeros.A.ElementCount > 0)) &&
            (zeros.B is null || (zeros.B.Type == b.Type && IsOneOr(zeros.B, columns)));
        Require(isRight, node, "bytes and their zero points");
    }

    /// <summary>Scales of a, b and the result, the result's zero point, and the bias or null.</summary>
    /// <exception cref="ModelException">No kernel takes the operands.</exception>
    public static void CheckScales(GraphNode node, (TensorView A, TensorView B, TensorView Y) scales,
        (TensorView View, ElementType Type) zero, TensorView? bias, long columns)
    {
        Require(IsFloat(scales.A) && IsFloat(scales.Y) && IsFloats(scales.B, columns), node, "scales");
        Require(IsZero(zero.View, zero.Type), node, "zero point of the result");
        Require(bias is null || (bias.Type == ElementType.Int32 && bias.ElementCount == columns), node, "bias");
    }

    /// <summary>Scales and bias of a product with float results.</summary>
    /// <exception cref="ModelException">No kernel takes the operands.</exception>
    public static void CheckFloats(GraphNode node, TensorView a, TensorView b, TensorView? bias, long columns)
    {
        Require(IsFloat(a) && IsFloats(b, columns), node, "scales");
        Require(bias is null || IsFloats(bias, columns), node, "bias");
    }

    /// <summary>Scale and zero point of one tensor of the type.</summary>
    /// <exception cref="ModelException">No kernel takes the operands.</exception>
    public static void CheckScale(GraphNode node, TensorView scale, TensorView zero, ElementType type) =>
        Require(IsFloat(scale) && IsZero(zero, type), node, "scale and zero point of the sum");

    private static bool IsByte(ElementType type) => type is ElementType.Int8 or ElementType.UInt8;

    private static bool IsZero(TensorView zero, ElementType type) =>
        IsByte(type) && zero.Type == type && zero.ElementCount == 1;

    private static bool IsFloat(TensorView view) => IsFloats(view, 1);

    private static bool IsFloats(TensorView view, long columns) =>
        view.Type == ElementType.Float32 && IsOneOr(view, columns);

    private static bool IsOneOr(TensorView view, long columns) =>
        view.ElementCount == 1 || (view.ElementCount == columns && columns > 0);

    private static void Require(bool isRight, GraphNode node, string what)
    {
        if (!isRight)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): no kernel takes {what} of these types and counts");
        }
    }
}
