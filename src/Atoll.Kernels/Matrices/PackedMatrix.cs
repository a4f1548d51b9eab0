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
    public static unsafe PackedMatrix Pack(
        ReadOnlySpan<float> b, int k, int n, bool transposed, ReadOnlySpan<float> bias)
    {
        fixed (float* values = b)
        {
            return Pack(new MemoryFloats(values, b.Length), k, n, transposed, bias);
        }
    }

    /// <summary>The same, of a matrix that begins somewhere in a source.</summary>
    public static PackedMatrix Pack(
        FloatSource b, int k, int n, bool transposed, ReadOnlySpan<float> bias, long start = 0)
    {
        ArgumentNullException.ThrowIfNull(b);
        if (start < 0 || b.Count - start < (long)k * n)
        {
            throw new ArgumentException($"{b.Count} values for a matrix of {k} x {n} at {start}");
        }

        var rows = new long[k];
        for (var i = 0; i < k; i++)
        {
            rows[i] = transposed ? i : (long)i * n;
        }

        return new PackedMatrix(new PackedPanels(b, new PanelLayout(start, rows, transposed ? k : 1), n, bias));
    }

    public void Dispose() => Panels.Dispose();
}
