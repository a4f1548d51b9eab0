using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Makes kernels that multiply 8-bit integers less their zero points, with exact 32-bit sums:
/// Σ (a - z)(b - w) = Σ ab - w Σ a - z Σ b + K z w.
/// </summary>
public static class ByteMultiply
{
    /// <summary>
    /// y [rows, N] with contiguous columns: 32-bit sums, bytes or floats as the product says.
    /// </summary>
    public static CpuKernel Create(string name, ByteRows rows, PackedBytes b, TensorRef y, ByteProduct product)
    {
        var bytes = product.Requantization is null ? 4 : 1;
        if (rows.Length != b.K || !IsRows(y, rows.Count, b.N, bytes) ||
            (product.Requantization?.Sum is { } sum && !IsRows(sum.Residual, rows.Count, b.N, 1)) ||
            (product.Dequantization?.Residual is { } residual && !IsRows(residual, rows.Count, b.N, 4)))
        {
            throw new ArgumentException($"{name}: {rows.Count} x {rows.Length} by {b.K} x {b.N} does not fit {y}");
        }

        return new ByteMatrixKernel(name, rows, b, y, product);
    }

    private static bool IsRows(TensorRef view, int rows, int columns, int bytes) => view.Rank == 2 &&
        view.Shape[0] == rows && view.Shape[1] == columns && (view.Strides[1] == 1 || columns == 1) &&
        view.ElementBytes == bytes;
}

/// <summary>
/// The zero points of a product: one of a for all or for each row, one of b for all or for each column; dense bytes,
/// null for zero. Sums stay 32-bit integers unless they become bytes or floats.
/// </summary>
public sealed record ByteProduct(bool IsSigned, TensorRef? ZeroA, TensorRef? ZeroB)
{
    /// <summary>32-bit integers, one for each column, that are added to the sums; null for none.</summary>
    public TensorRef? Bias { get; init; }

    public Requantization? Requantization { get; init; }

    public Dequantization? Dequantization { get; init; }

    internal IEnumerable<TensorRef> Reads => new[]
    {
        ZeroA, ZeroB, Bias, Requantization?.ScaleA, Requantization?.ScaleB, Requantization?.To.Scale,
        Requantization?.To.Zero, Requantization?.Sum?.Of.Scale, Requantization?.Sum?.Of.Zero,
        Requantization?.Sum?.Residual, Requantization?.Sum?.From.Scale, Requantization?.Sum?.From.Zero,
        Dequantization?.ScaleA, Dequantization?.ScaleB, Dequantization?.Bias, Dequantization?.Residual,
    }.OfType<TensorRef>();
}

/// <summary>Scale (a float), zero point (a byte) and type of quantized numbers.</summary>
public sealed record ByteScale(TensorRef Scale, TensorRef Zero, bool IsSigned);

/// <summary>
/// y = round(sum a b / y's scale) + zero, saturated; b's scale is one for all or for each column. Before, as numbers,
/// results are limited to [Low, High] (an activation).
/// </summary>
public sealed record Requantization(TensorRef ScaleA, TensorRef ScaleB, ByteScale To)
{
    public float Low { get; init; } = float.NegativeInfinity;

    public float High { get; init; } = float.PositiveInfinity;

    /// <summary>An addition before the activation; null for none.</summary>
    public QuantizedSum? Sum { get; init; }
}

/// <summary>
/// The sums are first rounded to numbers of one scale, as if stored, and then a residual of another scale [rows, N] is
/// added.
/// </summary>
public sealed record QuantizedSum(ByteScale Of, TensorRef Residual, ByteScale From);

/// <summary>
/// y = activation(sum a b + bias + residual), floats; b's scale is one for all or for each column.
/// </summary>
public sealed record Dequantization(TensorRef ScaleA, TensorRef ScaleB)
{
    /// <summary>A float for each column, or null.</summary>
    public TensorRef? Bias { get; init; }

    /// <summary>Floats [rows, N], or null.</summary>
    public TensorRef? Residual { get; init; }

    public Activation Activation { get; init; } = Activation.None;
}
