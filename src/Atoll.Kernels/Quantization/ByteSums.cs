using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>Adds products of four unsigned bytes of a row by four signed ones of each column, exactly.</summary>
internal interface IByteSum
{
    static abstract void Add(ref Vector256<int> left, ref Vector256<int> right, int row, Vector256<sbyte> leftColumns,
        Vector256<sbyte> rightColumns);
}

internal readonly struct VnniByteSum : IByteSum
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ref Vector256<int> left, ref Vector256<int> right, int row, Vector256<sbyte> leftColumns,
        Vector256<sbyte> rightColumns)
    {
        var bytes = Vector256.Create(row).AsByte();
        left = AvxVnni.MultiplyWideningAndAdd(left, bytes, leftColumns);
        right = AvxVnni.MultiplyWideningAndAdd(right, bytes, rightColumns);
    }
}

/// <summary>
/// In 16 bits, the even and the odd bytes apart: pairs of their products fit 32 bits, while the one instruction that
/// takes bytes would saturate.
/// </summary>
internal readonly struct PlainByteSum : IByteSum
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ref Vector256<int> left, ref Vector256<int> right, int row, Vector256<sbyte> leftColumns,
        Vector256<sbyte> rightColumns)
    {
        var bytes = Vector256.Create(row).AsInt16();
        var even = bytes & Vector256.Create((short)0xFF);
        var odd = (bytes.AsUInt16() >>> 8).AsInt16();
        left += Sum(even, odd, leftColumns.AsInt16());
        right += Sum(even, odd, rightColumns.AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Sum(Vector256<short> even, Vector256<short> odd, Vector256<short> columns) =>
        Pairs(even, (columns << 8) >> 8) + Pairs(odd, columns >> 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pairs(Vector256<short> a, Vector256<short> b)
    {
        if (Avx2.IsSupported)
        {
            return Avx2.MultiplyAddAdjacent(a, b);
        }

        var (a32, b32) = (a.AsInt32(), b.AsInt32());
        return ((a32 << 16) >> 16) * ((b32 << 16) >> 16) + (a32 >> 16) * (b32 >> 16);
    }
}
