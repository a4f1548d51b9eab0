using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// A matrix [K, N] packed once for the micro-kernels: panels of adjacent columns, each [K][width] and contiguous, zeros
/// beyond N; and N biases. The last panel is half as wide where that is enough. Owns native memory.
/// </summary>
internal sealed unsafe class PackedPanels : IDisposable
{
    // Rows that are written while a column's neighbourhood in the source is in the near cache.
    private const int RowsTogether = 32;

    private float* _values;
    private float* _bias;

    /// <param name="source">The matrix; element (k, n) is at rows[k] + n * columnStride.</param>
    /// <param name="rows">Starts of the K rows.</param>
    /// <param name="columnStride">Distance between columns.</param>
    /// <param name="n">Columns.</param>
    /// <param name="bias">n values, or empty.</param>
    public PackedPanels(ReadOnlySpan<float> source, ReadOnlySpan<long> rows, long columnStride, int n,
        ReadOnlySpan<float> bias)
        : this(rows.Length, n, bias)
    {
        for (var panel = 0; panel < Count; panel++)
        {
            Fill(panel, source, rows, columnStride);
        }
    }

    /// <summary>Panels whose values the caller writes.</summary>
    public PackedPanels(int k, int n, ReadOnlySpan<float> bias)
    {
        if (!bias.IsEmpty && bias.Length != n)
        {
            throw new ArgumentException($"{bias.Length} biases for {n} columns");
        }

        Level = SimdSupport.Current;
        K = k;
        N = n;
        HasBias = !bias.IsEmpty;
        FullWidth = MicroKernels.PanelWidth(Level);
        Count = (n + FullWidth - 1) / FullWidth;
        var rest = n - (Count - 1) * FullWidth;
        LastWidth = rest <= FullWidth / 2 ? FullWidth / 2 : FullWidth;
        // Prefetches may run past the end by a chunk; they never fault.
        var floats = (nuint)(Count - 1) * (nuint)FullWidth * (nuint)K + (nuint)(LastWidth * K);
        Bytes = (long)floats * sizeof(float);
        _values = (float*)NativeMemory.AlignedAlloc(Math.Max(64, floats * sizeof(float)), 4096);
        _bias = (float*)NativeMemory.AlignedAlloc((nuint)(Count * FullWidth * sizeof(float)), 64);
        NativeMemory.Clear(_bias, (nuint)(Count * FullWidth * sizeof(float)));
        bias.CopyTo(new Span<float>(_bias, n));
    }

    public SimdLevel Level { get; }

    public int K { get; }

    public int N { get; }

    public int Count { get; }

    public int FullWidth { get; }

    public int LastWidth { get; }

    public bool HasBias { get; }

    public long Bytes { get; }

    public float* Bias => _bias;

    public int Width(int panel) => panel == Count - 1 ? LastWidth : FullWidth;

    /// <summary>Columns of the panel that exist.</summary>
    public int Columns(int panel) => Math.Min(Width(panel), N - panel * FullWidth);

    public float* Panel(int panel)
    {
        ObjectDisposedException.ThrowIf(_values == null, this);
        return _values + (nint)panel * FullWidth * K;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_values);
        NativeMemory.AlignedFree(_bias);
        _values = null;
        _bias = null;
    }

    private void Fill(int panel, ReadOnlySpan<float> source, ReadOnlySpan<long> rows, long columnStride)
    {
        int width = Width(panel), columns = Columns(panel);
        for (var first = 0; first < rows.Length; first += RowsTogether)
        {
            var part = rows[first..Math.Min(rows.Length, first + RowsTogether)];
            var target = Panel(panel) + (nint)first * width;
            for (var column = 0; column < width; column++)
            {
                var start = ((long)panel * FullWidth + column) * columnStride;
                for (var row = 0; row < part.Length; row++)
                {
                    target[row * width + column] = column < columns ? source[checked((int)(part[row] + start))] : 0;
                }
            }
        }
    }
}
