using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A block is some rows by some panels of columns: the rows are unpacked to scratch as unsigned bytes, then tiles of
/// four rows and sixteen columns are summed, with a yield point after each.
/// </summary>
internal sealed unsafe class ByteMatrixKernel : CpuKernel
{
    private const int RowsPerBlock = 32;
    private const int TileRows = 4;
    private const double MacsPerMicrosecond = 60e3;
    private readonly ByteRows _rows;
    private readonly PackedBytes _b;
    private readonly TensorRef _y;
    private readonly ByteProduct _product;
    private readonly int _panelBlocks;
    private readonly int _pitch;

    public ByteMatrixKernel(string name, ByteRows rows, PackedBytes b, TensorRef y, ByteProduct product)
        : base(name, RowBlocks(rows) * PanelBlocks(rows, b), AccessesOf(rows, y, product))
    {
        (_rows, _b, _y, _product) = (rows, b, y, product);
        _panelBlocks = PanelBlocks(rows, b);
        _pitch = b.Groups * 4;
    }

    public override int ScratchBytes => RowsPerBlock * (_pitch + sizeof(int)) + 64;

    public override double EstimatedBlockMicroseconds =>
        (double)_rows.Count * _b.N * _b.K / Blocks / MacsPerMicrosecond;

    public override void RunBlock(int block, BlockContext context)
    {
        var first = block / _panelBlocks * RowsPerBlock;
        var count = Math.Min(RowsPerBlock, _rows.Count - first);
        var sums = (int*)context.Scratch;
        var packed = context.Scratch + RowsPerBlock * sizeof(int);
        var part = block % _panelBlocks;
        for (var row = 0; row < count; row++)
        {
            sums[row] = Unpack(first + row, packed + row * _pitch);
            if (context.Yield())
            {
                return;
            }
        }

        var tile = stackalloc int[TileRows * PackedBytes.Width];
        for (var panel = _b.Panels * part / _panelBlocks; panel < _b.Panels * (part + 1) / _panelBlocks; panel++)
        {
            for (var row = 0; row < count; row += TileRows)
            {
                Tile(packed + row * _pitch, _b.Panel(panel), Math.Min(TileRows, count - row), tile);
                Write(first + row, Math.Min(TileRows, count - row), panel, tile, sums + row);
                if (context.Yield())
                {
                    return;
                }
            }
        }
    }

    // A row as unsigned bytes, with zeros up to a multiple of four, and its sum.
    private int Unpack(int row, byte* target)
    {
        _rows.Read(row, target, _product.ZeroA is { } zero ? *zero.Pointer : (byte)0);
        var sum = 0;
        for (var i = 0; i < _rows.Length; i++)
        {
            target[i] = _product.IsSigned ? (byte)(target[i] ^ 0x80) : target[i];
            sum += target[i];
        }

        for (var i = _rows.Length; i < _pitch; i++)
        {
            target[i] = 0;
        }

        return sum;
    }

    // Rows beyond the count repeat the first one; their sums are not written.
    private void Tile(byte* a, sbyte* b, int count, int* tile)
    {
        byte* a1 = count > 1 ? a + _pitch : a, a2 = count > 2 ? a + 2 * _pitch : a, a3 = count > 3 ? a + 3 * _pitch : a;
        Vector256<int> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector256<int> c20 = default, c21 = default, c30 = default, c31 = default;
        for (var group = 0; group < _b.Groups; group++, b += PackedBytes.Width * 4)
        {
            var (left, right) = (Vector256.Load(b), Vector256.Load(b + 32));
            var row = Vector256.Create(((int*)a)[group]).AsByte();
            (c00, c01) = (Add(c00, row, left), Add(c01, row, right));
            row = Vector256.Create(((int*)a1)[group]).AsByte();
            (c10, c11) = (Add(c10, row, left), Add(c11, row, right));
            row = Vector256.Create(((int*)a2)[group]).AsByte();
            (c20, c21) = (Add(c20, row, left), Add(c21, row, right));
            row = Vector256.Create(((int*)a3)[group]).AsByte();
            (c30, c31) = (Add(c30, row, left), Add(c31, row, right));
        }

        c00.Store(tile);
        c01.Store(tile + 8);
        c10.Store(tile + 16);
        c11.Store(tile + 24);
        c20.Store(tile + 32);
        c21.Store(tile + 40);
        c30.Store(tile + 48);
        c31.Store(tile + 56);
    }

    /// <summary>Adds four products of bytes to each lane, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Add(Vector256<int> sum, Vector256<byte> a, Vector256<sbyte> b)
    {
        if (AvxVnni.IsSupported)
        {
            return AvxVnni.MultiplyWideningAndAdd(sum, a, b);
        }

        // In 16 bits, the even and the odd bytes apart: pairs of their products fit 32 bits.
        var (a16, b16) = (a.AsInt16(), b.AsInt16());
        var evenA = a16 & Vector256.Create((short)0xFF);
        var oddA = (a16.AsUInt16() >>> 8).AsInt16();
        var (evenB, oddB) = ((b16 << 8) >> 8, b16 >> 8);
        return sum + Pairs(evenA, evenB) + Pairs(oddA, oddB);
    }

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

    private void Write(int row, int count, int panel, int* tile, int* sums)
    {
        var width = Math.Min(PackedBytes.Width, _b.N - panel * PackedBytes.Width);
        for (var r = 0; r < count; r++)
        {
            var zeroA = Zero(_product.ZeroA, row + r, _product.IsSigned) + (_product.IsSigned ? 128 : 0);
            var target = _y.Pointer + (row + r) * _y.Strides[0] * _y.ElementBytes;
            for (var i = 0; i < width; i++)
            {
                var column = panel * PackedBytes.Width + i;
                var zeroB = Zero(_product.ZeroB, column, _b.Shift == 0) - _b.Shift;
                var sum = tile[r * PackedBytes.Width + i] - zeroB * sums[r] - zeroA * _b.Sum(column) +
                    _b.K * zeroA * zeroB;
                if (_product.Requantization is { } requantization)
                {
                    target[column] = Requantized(requantization, sum, column);
                }
                else
                {
                    ((int*)target)[column] = sum;
                }
            }
        }
    }

    private static int Zero(TensorRef? zero, int index, bool isSigned)
    {
        if (zero is null)
        {
            return 0;
        }

        var raw = zero.Pointer[zero.Count == 1 ? 0 : index % zero.Count];
        return isSigned ? (sbyte)raw : raw;
    }

    private static byte Requantized(Requantization r, int sum, int column)
    {
        var bias = r.Bias is { } b ? ((int*)b.Pointer)[column] : 0;
        var scaleB = ((float*)r.ScaleB.Pointer)[r.ScaleB.Count == 1 ? 0 : column];
        var scale = *(float*)r.ScaleA.Pointer * scaleB / *(float*)r.ScaleY.Pointer;
        var value = (int)MathF.Round(Math.Clamp((sum + bias) * scale, -1e6f, 1e6f));
        return r.IsSigned ? (byte)(sbyte)Math.Clamp(value + *(sbyte*)r.ZeroY.Pointer, -128, 127)
            : (byte)Math.Clamp(value + *r.ZeroY.Pointer, 0, 255);
    }

    private static int RowBlocks(ByteRows rows) => Math.Max(1, (rows.Count + RowsPerBlock - 1) / RowsPerBlock);

    private static int PanelBlocks(ByteRows rows, PackedBytes b)
    {
        var perPanel = (double)Math.Min(RowsPerBlock, rows.Count) * PackedBytes.Width * b.K / MacsPerMicrosecond;
        return (int)Math.Clamp(Math.Ceiling(b.Panels * perPanel / 30), 1, Math.Max(1, b.Panels));
    }

    private static BufferAccess[] AccessesOf(ByteRows rows, TensorRef y, ByteProduct product)
    {
        var r = product.Requantization;
        return
        [
            rows.Source.Reads(),
            .. new[] { product.ZeroA, product.ZeroB, r?.ScaleA, r?.ScaleB, r?.ScaleY, r?.ZeroY, r?.Bias }
                .OfType<TensorRef>().Select(t => t.Reads()),
            y.Writes(),
        ];
    }
}
