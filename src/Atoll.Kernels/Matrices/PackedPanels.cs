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

    /// <param name="source">Holds the matrix.</param>
    /// <param name="layout">Where in the source the matrix lies.</param>
    /// <param name="n">Columns.</param>
    /// <param name="bias">n values, or empty.</param>
    public PackedPanels(FloatSource source, PanelLayout layout, int n, ReadOnlySpan<float> bias)
        : this(layout.Rows.Length, n, bias)
    {
        try
        {
            Fill(source, layout);
        }
        catch
        {
            // The source's file has changed.
            Dispose();
            throw;
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

    private void Fill(FloatSource source, PanelLayout layout)
    {
        if (layout.ColumnStride == 1)
        {
            FillByRows(source, layout);
            return;
        }

        for (var panel = 0; panel < Count; panel++)
        {
            var columns = Columns(panel);
            var first = layout.Start + ((long)panel * FullWidth * layout.ColumnStride);
            Fill(panel, source.Read(first, checked((int)(columns * layout.ColumnStride))), layout);
        }
    }

    /// <summary>Columns lie side by side: some whole rows at a time go to all panels.</summary>
    private void FillByRows(FloatSource source, PanelLayout layout)
    {
        for (var first = 0; first < K; first += RowsTogether)
        {
            var rows = layout.Rows.AsSpan(first, Math.Min(RowsTogether, K - first));
            var values = source.Read(layout.Start + rows[0], checked((int)(rows[^1] - rows[0]) + N));
            for (var panel = 0; panel < Count; panel++)
            {
                int width = Width(panel), columns = Columns(panel);
                for (var row = 0; row < rows.Length; row++)
                {
                    var target = new Span<float>(Panel(panel) + ((nint)(first + row) * width), width);
                    values.Slice((int)(rows[row] - rows[0]) + (panel * FullWidth), columns).CopyTo(target);
                    target[columns..].Clear();
                }
            }
        }
    }

    /// <summary>Each column's values lie together; those of the panel are given.</summary>
    private void Fill(int panel, ReadOnlySpan<float> values, PanelLayout layout)
    {
        int width = Width(panel), columns = Columns(panel), stride = checked((int)layout.ColumnStride);
        ArgumentOutOfRangeException.ThrowIfLessThan(values.Length, columns * stride);
        fixed (float* source = values)
        {
            for (var first = 0; first < K; first += RowsTogether)
            {
                var part = layout.Rows.AsSpan(first, Math.Min(RowsTogether, K - first));
                var target = Panel(panel) + ((nint)first * width);
                for (var column = 0; column < width; column++)
                {
                    var start = source + ((nint)column * stride);
                    for (var row = 0; row < part.Length; row++)
                    {
                        target[row * width + column] = column < columns ? start[part[row]] : 0;
                    }
                }
            }
        }
    }
}

/// <summary>
/// Where a matrix [K, N] lies among floats: element (k, n) at Start + Rows[k] + n * ColumnStride. Rows ascend where
/// columns lie side by side, and stay below the column stride otherwise.
/// </summary>
internal sealed record PanelLayout(long Start, long[] Rows, long ColumnStride);
