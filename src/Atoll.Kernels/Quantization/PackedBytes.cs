using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// A constant matrix of bytes [K, N], packed for products with 32-bit sums: panels of 16 columns, in them groups of
/// four rows, so that four products make one 32-bit lane. Unsigned values are kept less 128. Owns native memory.
/// </summary>
public sealed unsafe class PackedBytes : IPackedWeights
{
    internal const int Width = 16;
    private sbyte* _values;
    private int* _sums;

    private PackedBytes(int k, int n)
    {
        (K, N) = (k, n);
        Groups = (k + 3) / 4;
        Panels = (n + Width - 1) / Width;
        var bytes = (nuint)Panels * (nuint)Groups * (Width * 4);
        _values = (sbyte*)NativeMemory.AlignedAlloc(Math.Max(64, bytes), 64);
        NativeMemory.Clear(_values, bytes);
        _sums = (int*)NativeMemory.AllocZeroed((nuint)Math.Max(1, Panels * Width), sizeof(int));
    }

    public int K { get; }

    public int N { get; }

    /// <inheritdoc/>
    public long Bytes => (long)Panels * Width * ((Groups * 4) + sizeof(int));

    internal int Groups { get; }

    internal int Panels { get; }

    /// <summary>What an unsigned value lost: 128, or 0 for signed ones.</summary>
    internal int Shift { get; private init; }

    /// <summary>Element (k, n) is at rows[k] + n × columnStride of the bytes.</summary>
    public static PackedBytes Pack(ReadOnlySpan<byte> bytes, long[] rows, long columnStride, int n, bool isSigned)
    {
        var packed = new PackedBytes(rows.Length, n) { Shift = isSigned ? 0 : 128 };
        for (var column = 0; column < n; column++)
        {
            var panel = packed.Panel(column / Width);
            for (var k = 0; k < rows.Length; k++)
            {
                var raw = bytes[(int)(rows[k] + column * columnStride)];
                var value = isSigned ? (sbyte)raw : (sbyte)(raw - 128);
                panel[(k / 4 * Width + column % Width) * 4 + k % 4] = value;
                packed._sums[column] += value;
            }
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

    internal sbyte* Panel(int panel) => _values + (long)panel * Groups * Width * 4;

    /// <summary>Sum of a column's packed values.</summary>
    internal int Sum(int column) => _sums[column];
}
