using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Makes kernels that multiply 8-bit integers less their zero points, with exact 32-bit sums:
/// Σ (a - z)(b - w) = Σ ab - w Σ a - z Σ b + K z w.
/// </summary>
public static class ByteMultiply
{
    /// <summary>
    /// y [rows, N] with contiguous columns, 32-bit sums or requantized bytes as the product says.
    /// </summary>
    public static CpuKernel Create(string name, ByteRows rows, PackedBytes b, TensorRef y, ByteProduct product)
    {
        if (rows.Length != b.K || y.Rank != 2 || y.Shape[0] != rows.Count || y.Shape[1] != b.N ||
            (y.Strides[1] != 1 && b.N != 1) || y.ElementBytes != (product.Requantization is null ? 4 : 1))
        {
            throw new ArgumentException($"{name}: {rows.Count} x {rows.Length} by {b.K} x {b.N} does not fit {y}");
        }

        return new ByteMatrixKernel(name, rows, b, y, product);
    }
}

/// <summary>
/// The zero points of a product: one of a for all or for each row, one of b for all or for each column; dense bytes,
/// null
/// for zero.
/// </summary>
public sealed record ByteProduct(bool IsSigned, TensorRef? ZeroA, TensorRef? ZeroB)
{
    /// <summary>How sums become bytes again; null leaves them.</summary>
    public Requantization? Requantization { get; init; }
}

/// <summary>
/// y = round((sum + bias) a b / y's scale) + zero, saturated; b's scale is one for all or for each column, the bias (32
/// bits) one for each column or null.
/// </summary>
public sealed record Requantization(TensorRef ScaleA, TensorRef ScaleB, TensorRef ScaleY, TensorRef ZeroY)
{
    public bool IsSigned { get; init; }

    public TensorRef? Bias { get; init; }
}
