using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>Which instructions multiply bytes.</summary>
public enum ByteProductForm
{
    /// <summary>Scalar or 256-bit code without special instructions; as exact as the others.</summary>
    Plain,

    /// <summary>256-bit VNNI.</summary>
    Vnni256,

    /// <summary>512-bit VNNI by machine code that is made at run time, since .NET has no class for it.</summary>
    Vnni512,
}

/// <summary>Chooses the micro-kernel for a tile of bytes; all forms give the same integers.</summary>
public static unsafe class ByteMicroKernels
{
    internal const int MaxRows = ByteTileAssembly.MaxRows;

    private const int RowsTogether = 4;

    /// <summary>Columns of one vector of sums.</summary>
    internal const int VectorColumns = 16;

    [ThreadStatic]
    private static ByteProductForm? s_forced;

    private static readonly nint Code;
    private static readonly int[,] Starts;

    static ByteMicroKernels()
    {
        var assembler = new Assembler();
        Starts = ByteTileAssembly.Write(assembler);
        HasVnni512 = Avx512F.IsSupported && Avx512BW.IsSupported && HasVnniBit();
        Code = HasVnni512 ? ExecutableMemory.TryPlace(assembler.Code) : 0;
        Best = Code != 0 ? ByteProductForm.Vnni512
            : AvxVnni.IsSupported ? ByteProductForm.Vnni256 : ByteProductForm.Plain;
    }

    /// <summary>
    /// Whether this processor has 512-bit VNNI, be it that the system grants executable memory or not.
    /// </summary>
    public static bool HasVnni512 { get; }

    /// <summary>What products of bytes use here.</summary>
    public static ByteProductForm Best { get; }

    internal static ByteProductForm Current => s_forced ?? Best;

    /// <summary>Makes kernels that this thread creates use another form, for tests.</summary>
    internal static void Force(ByteProductForm? form) => s_forced = form;

    /// <summary>Machine code for a tile, or null where the form has none and <see cref="Run"/> does it.</summary>
    internal static delegate* unmanaged[SuppressGCTransition]<ByteTile*, void> Native(
        ByteProductForm form, int rows, int vectors) => form != ByteProductForm.Vnni512 ? null
        : (delegate* unmanaged[SuppressGCTransition]<ByteTile*, void>)(Code + Starts[rows - 1, vectors - 1]);

    /// <summary>The same contract in C#.</summary>
    internal static void Run(ByteTile* tile, int rows, int vectors, ByteProductForm form)
    {
        if (form == ByteProductForm.Plain)
        {
            Run<PlainByteSum>(tile, rows, vectors);
        }
        else
        {
            Run<VnniByteSum>(tile, rows, vectors);
        }
    }

    // CPUID leaf 7, ECX bit 11; that the system keeps the registers is what the class for AVX-512 says.
    private static bool HasVnniBit() => X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 &&
        (X86Base.CpuId(7, 0).Ecx >> 11 & 1) != 0;

    private static void Run<TSum>(ByteTile* tile, int rows, int vectors) where TSum : struct, IByteSum
    {
        for (var row = 0; row < rows; row += RowsTogether)
        {
            for (var vector = 0; vector < vectors; vector++)
            {
                Run<TSum>(tile, (row, rows), vector, vectors);
            }
        }
    }

    // Rows beyond the last repeat it: they store the same sums.
    private static void Run<TSum>(ByteTile* tile, (int First, int All) rows, int vector, int vectors)
        where TSum : struct, IByteSum
    {
        var last = rows.All - 1;
        int r0 = rows.First, r1 = Math.Min(r0 + 1, last), r2 = Math.Min(r0 + 2, last), r3 = Math.Min(r0 + 3, last);
        byte* a0 = Row(tile, r0, rows.All), a1 = Row(tile, r1, rows.All);
        byte* a2 = Row(tile, r2, rows.All), a3 = Row(tile, r3, rows.All);
        int* s0 = Sums(r0), s1 = Sums(r1), s2 = Sums(r2), s3 = Sums(r3);
        Vector256<int> c00 = Start(s0), c01 = Start(s0 + 8), c10 = Start(s1), c11 = Start(s1 + 8);
        Vector256<int> c20 = Start(s2), c21 = Start(s2 + 8), c30 = Start(s3), c31 = Start(s3 + 8);
        var b = tile->B + vector * 64;
        for (nint segment = 0; segment < tile->SegmentCount; segment++)
        {
            var at = tile->Segments[segment];
            for (nint step = 0; step < tile->Steps; step++, b += vectors * 64, at += 4)
            {
                var (left, right) = (Vector256.Load(b), Vector256.Load(b + 32));
                TSum.Add(ref c00, ref c01, *(int*)(a0 + at), left, right);
                TSum.Add(ref c10, ref c11, *(int*)(a1 + at), left, right);
                TSum.Add(ref c20, ref c21, *(int*)(a2 + at), left, right);
                TSum.Add(ref c30, ref c31, *(int*)(a3 + at), left, right);
            }
        }

        Store(s3, c30, c31);
        Store(s2, c20, c21);
        Store(s1, c10, c11);
        Store(s0, c00, c01);

        int* Sums(int row) => tile->Sums + (row * vectors + vector) * VectorColumns;

        Vector256<int> Start(int* sums) => tile->GoesOn != 0 ? Vector256.Load(sums) : default;
    }

    private static byte* Row(ByteTile* tile, int row, int rows)
    {
        var half = (rows + 1) / 2;
        return row < half ? tile->A0 + row * tile->Pitch : tile->A1 + (row - half) * tile->Pitch;
    }

    private static void Store(int* sums, Vector256<int> left, Vector256<int> right)
    {
        left.Store(sums);
        right.Store(sums + 8);
    }
}
