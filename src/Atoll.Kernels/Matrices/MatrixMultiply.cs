using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that multiply matrices of floats.</summary>
public static class MatrixMultiply
{
    /// <summary>
    /// y = epilogue(a b + bias) for a constant b; a is [M, K] and y [M, N] with contiguous rows at any pitch, or of
    /// higher rank where the leading axes collapse to M.
    /// </summary>
    /// <exception cref="ArgumentException">Shapes or strides that do not fit.</exception>
    public static CpuKernel Create(string name, TensorRef a, PackedMatrix b, TensorRef y, Epilogue epilogue)
    {
        var rows = (int)(a.Count / Math.Max(1, b.K));
        var source = Flatten(name, a, rows, b.K);
        var target = Flatten(name, y, rows, b.N);
        var residual = epilogue.Residual is { } r ? Flatten(name, r, rows, b.N) : null;
        return MatrixKernel.Create(name, source, b.Panels, target, epilogue with { Residual = residual });
    }

    /// <summary>
    /// y = scale a b for two dynamic operands [..., M, K] and [..., K, N] of any strides; leading axes broadcast to
    /// those of y (NumPy rules), whose last axis is contiguous.
    /// </summary>
    public static CpuKernel CreateBatched(string name, TensorRef a, TensorRef b, TensorRef y, float scale = 1)
    {
        if (a.Rank < 2 || b.Rank < 2 || y.Rank < 2 || a.Shape[^1] != b.Shape[^2] || a.Shape[^2] != y.Shape[^2]
            || b.Shape[^1] != y.Shape[^1] || (y.Strides[^1] != 1 && y.Shape[^1] != 1))
        {
            throw new ArgumentException($"{name}: cannot multiply {a} by {b} into {y}");
        }

        var batch = y.Shape[..^2];
        var left = a.BroadcastTo([.. batch, .. a.Shape[^2..]]);
        var right = b.BroadcastTo([.. batch, .. b.Shape[^2..]]);
        return BatchedMatrixKernel.Create(name, left, right, y, scale);
    }

    private static TensorRef Flatten(string name, TensorRef view, int rows, int columns)
    {
        var flat = view.TryReshape([rows, columns]);
        if (flat == null || (flat.Strides[1] != 1 && columns != 1))
        {
            throw new ArgumentException($"{name}: {view} is not [{rows}, {columns}] with contiguous rows");
        }

        return flat;
    }
}
