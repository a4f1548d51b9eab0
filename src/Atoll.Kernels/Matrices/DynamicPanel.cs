using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>Packs a strided matrix known only at run time into one panel [k][width] of scratch memory.</summary>
internal static unsafe class DynamicPanel
{
    /// <summary>target[k][j] = source[k rowStride + j columnStride]; zeros for j from columns to width - 1.</summary>
    public static void Pack(
        float* source, nint rowStride, nint columnStride, int rows, int columns, float* target, int width)
    {
        if (columns < width)
        {
            new Span<float>(target, rows * width).Clear();
        }

        if (columnStride == 1)
        {
            for (var k = 0; k < rows; k++)
            {
                new ReadOnlySpan<float>(source + k * rowStride,
                    columns).CopyTo(new Span<float>(target + k * width, columns));
            }

            return;
        }

        if (rowStride == 1)
        {
            Transpose(source, columnStride, rows, columns, target, width);
            return;
        }

        Strided(source, rowStride, columnStride, rows, columns, target, width);
    }

    /// <summary>
    /// target[k pitch + j] = source[k + j columnStride], in squares of eight where the processor can.
    /// </summary>
    public static void Transpose(float* source, nint columnStride, int rows, int columns, float* target, nint pitch)
    {
        var column = 0;
        for (; Avx.IsSupported && column + 8 <= columns; column += 8)
        {
            var k = 0;
            for (; k + 8 <= rows; k += 8)
            {
                Transpose8(source + column * columnStride + k, columnStride, target + k * pitch + column, pitch);
            }

            Strided(source + column * columnStride + k, 1, columnStride, rows - k, 8, target + k * pitch + column,
                pitch);
        }

        Strided(source + column * columnStride, 1, columnStride, rows, columns - column, target + column, pitch);
    }

    private static void Strided(
        float* source, nint rowStride, nint columnStride, int rows, int columns, float* target, nint pitch)
    {
        for (var j = 0; j < columns; j++)
        {
            for (var k = 0; k < rows; k++)
            {
                target[k * pitch + j] = source[k * rowStride + j * columnStride];
            }
        }
    }

    // Three rounds of pairwise exchanges: neighbours, pairs, halves.
    private static void Transpose8(float* source, nint sourcePitch, float* target, nint targetPitch)
    {
        Vector256<float> r0 = Vector256.Load(source), r1 = Vector256.Load(source + sourcePitch);
        Vector256<float> r2 = Vector256.Load(source + 2 * sourcePitch), r3 = Vector256.Load(source + 3 * sourcePitch);
        Vector256<float> r4 = Vector256.Load(source + 4 * sourcePitch), r5 = Vector256.Load(source + 5 * sourcePitch);
        Vector256<float> r6 = Vector256.Load(source + 6 * sourcePitch), r7 = Vector256.Load(source + 7 * sourcePitch);
        Transpose4(r0, r1, r2, r3, out var a0, out var a1, out var a2, out var a3);
        Transpose4(r4, r5, r6, r7, out var b0, out var b1, out var b2, out var b3);
        Vector256.Create(a0.GetLower(), b0.GetLower()).Store(target);
        Vector256.Create(a1.GetLower(), b1.GetLower()).Store(target + targetPitch);
        Vector256.Create(a2.GetLower(), b2.GetLower()).Store(target + 2 * targetPitch);
        Vector256.Create(a3.GetLower(), b3.GetLower()).Store(target + 3 * targetPitch);
        Vector256.Create(a0.GetUpper(), b0.GetUpper()).Store(target + 4 * targetPitch);
        Vector256.Create(a1.GetUpper(), b1.GetUpper()).Store(target + 5 * targetPitch);
        Vector256.Create(a2.GetUpper(), b2.GetUpper()).Store(target + 6 * targetPitch);
        Vector256.Create(a3.GetUpper(), b3.GetUpper()).Store(target + 7 * targetPitch);
    }

    /// <summary>Transposes the lower and the upper 4 x 4 half of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(
        Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3,
        out Vector256<float> c0, out Vector256<float> c1, out Vector256<float> c2, out Vector256<float> c3)
    {
        Vector256<float> low01 = Avx.UnpackLow(r0, r1), high01 = Avx.UnpackHigh(r0, r1);
        Vector256<float> low23 = Avx.UnpackLow(r2, r3), high23 = Avx.UnpackHigh(r2, r3);
        c0 = Avx.Shuffle(low01, low23, 0x44);
        c1 = Avx.Shuffle(low01, low23, 0xee);
        c2 = Avx.Shuffle(high01, high23, 0x44);
        c3 = Avx.Shuffle(high01, high23, 0xee);
    }
}
