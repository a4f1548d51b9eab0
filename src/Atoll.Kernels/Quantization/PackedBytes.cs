using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// A constant matrix of bytes [K, N], packed for products with 32-bit sums: panels of 32 columns, the last of 16 where
/// that is enough, in them steps of four rows, so that four products make one 32-bit lane. Unsigned values are kept
/// less 128. Owns native memory.
/// </summary>
public sealed unsafe class PackedBytes : IPackedWeights
{
    internal const int Width = 2 * ByteMicroKernels.VectorColumns;
    private const int StepRows = 4;
    private sbyte* _values;
    private int* _sums;

    private PackedBytes(int k, int n, int shift)
    {
        (K, N, Shift) = (k, n, shift);
        Steps = Math.Max(1, (k + StepRows - 1) / StepRows);
        Panels = (n + Width - 1) / Width;
        var bytes = (nuint)Panels * (nuint)Steps * (Width * StepRows);
        _values = (sbyte*)NativeMemory.AlignedAlloc(Math.Max(64, bytes), 4096);
        _sums = (int*)NativeMemory.AllocZeroed((nuint)Math.Max(1, Panels * Width), sizeof(int));
    }

    public int K { get; }

    public int N { get; }

    /// <inheritdoc/>
    public long Bytes => (long)Panels * Width * ((Steps * StepRows) + sizeof(int));

    /// <summary>Steps of four rows.</summary>
    internal int Steps { get; }

    internal int Panels { get; }

    /// <summary>What an unsigned value lost: 128, or 0 for signed ones.</summary>
    internal int Shift { get; }

    /// <summary>Element (k, n) is at rows[k] + n × columnStride of the bytes.</summary>
    public static PackedBytes Pack(ReadOnlySpan<byte> bytes, long[] rows, long columnStride, int n, bool isSigned)
    {
        var packed = new PackedBytes(rows.Length, n, isSigned ? 0 : 128);
        for (var panel = 0; panel < packed.Panels; panel++)
        {
            packed.Fill(panel, bytes, rows, columnStride);
        }

        return packed;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_values);
        NativeMemory.Free(_sums);
        _values = null;
        _sums = null;
    }

    internal sbyte* Panel(int panel) => _values + (long)panel * Steps * Width * StepRows;

    /// <summary>Registers of sums that a row of the panel takes.</summary>
    internal int Vectors(int panel) => Columns(panel) > ByteMicroKernels.VectorColumns ? 2 : 1;

    /// <summary>Columns of the panel that exist.</summary>
    internal int Columns(int panel) => Math.Min(Width, N - panel * Width);

    /// <summary>Sums of the packed values of a panel's columns, zeros beyond N.</summary>
    internal int* Sums(int panel) => _sums + panel * Width;

    private void Fill(int panel, ReadOnlySpan<byte> bytes, long[] rows, long columnStride)
    {
        var width = Vectors(panel) * ByteMicroKernels.VectorColumns;
        var columns = Columns(panel);
        var target = Panel(panel);
        var sums = Sums(panel);
        var change = (byte)Shift;
        NativeMemory.Clear(target, (nuint)Steps * Width * StepRows);
        for (var k = 0; k < rows.Length; k++)
        {
            var to = target + ((long)(k / StepRows) * width * StepRows) + k % StepRows;
            var from = rows[k] + (long)panel * Width * columnStride;
            for (var column = 0; column < columns; column++, from += columnStride)
            {
                var value = (sbyte)(bytes[(int)from] - change);
                to[column * StepRows] = value;
                sums[column] += value;
            }
        }
    }
}
