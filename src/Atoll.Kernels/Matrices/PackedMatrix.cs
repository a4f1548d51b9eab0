namespace Atoll.Kernels;

/// <summary>
/// A constant right operand [K, N] with its bias, packed once and shared by all kernels that use it. Owns native
/// memory: dispose it after the programs that use it.
/// </summary>
public sealed class PackedMatrix : IPackedWeights
{
    private PackedMatrix(PackedPanels panels) => Panels = panels;

    public int K => Panels.K;

    public int N => Panels.N;

    /// <summary>Native memory held, in bytes.</summary>
    public long Bytes => Panels.Bytes;

    internal PackedPanels Panels { get; }

    /// <param name="b">Row-major [k, n], or [n, k] when transposed.</param>
    /// <param name="bias">n values, or empty.</param>
    public static PackedMatrix Pack(ReadOnlySpan<float> b, int k, int n, bool transposed, ReadOnlySpan<float> bias)
    {
        if (b.Length != (long)k * n)
        {
            throw new ArgumentException($"{b.Length} values for a matrix of {k} x {n}");
        }

        var rows = new long[k];
        for (var i = 0; i < k; i++)
        {
            rows[i] = transposed ? i : (long)i * n;
        }

        return new PackedMatrix(new PackedPanels(b, rows, transposed ? k : 1, n, bias));
    }

    public void Dispose() => Panels.Dispose();
}
