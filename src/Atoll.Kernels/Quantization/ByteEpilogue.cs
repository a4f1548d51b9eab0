using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Atoll.Kernels;

/// <summary>What one panel's columns need after the sums; scratch memory of a block.</summary>
internal unsafe struct PanelTerms
{
    public fixed int Bias[PackedBytes.Width];

    /// <summary>Column sums less K times the zero point of b: what a zero point of a takes off.</summary>
    public fixed int Columns[PackedBytes.Width];

    /// <summary>Zero points of b, less what packing took off.</summary>
    public fixed int Zeros[PackedBytes.Width];
    public fixed float Scales[PackedBytes.Width];
    public fixed float Shifts[PackedBytes.Width];

    /// <summary>Of the result, of the sums as if stored, and of the residual.</summary>
    public ByteRange Range, Stored, Residual;

    /// <summary>Where a result narrower than a register is made.</summary>
    public fixed float Narrow[ByteLanes.Count];
}

/// <summary>Rows of sums that become results: where they go, and what each row takes off.</summary>
internal unsafe struct SumRows
{
    public int First, Count, Column, Columns;
    public int* Sums;

    /// <summary>Zero point of a, and sum of the row; read where there are such terms.</summary>
    public int* ZerosOfA, RowSums;
    public bool HasTerms;
}

/// <summary>Turns tiles of 32-bit sums into a product's results.</summary>
internal sealed unsafe class ByteEpilogue
{
    private readonly ByteProduct _product;
    private readonly PackedBytes _b;
    private readonly TensorRef _y;
    private readonly delegate*<float*, nint, float, float, void> _activation;

    public ByteEpilogue(ByteProduct product, PackedBytes b, TensorRef y)
    {
        (_product, _b, _y) = (product, b, y);
        var kind = product.Dequantization?.Activation.Kind ?? ActivationKind.None;
        _activation = kind == ActivationKind.None ? null : ActivationFunctions.Of(kind, SimdSupport.Current);
    }

    /// <summary>Zero points that differ between rows, or columns with one: then sums of rows count.</summary>
    public bool HasRowTerms => _b.Shift != 0 || _product.ZeroA?.Count > 1 ||
        (_product.ZeroB is { } zero && new Span<byte>(zero.Pointer, (int)zero.Count).ContainsAnyExcept((byte)0));

    /// <summary>The zero point that a row of a has, as the unsigned bytes are that it is multiplied as.</summary>
    public int ZeroOfA(int row)
    {
        var raw = _product.ZeroA is not { } zero ? 0 : zero.Pointer[zero.Count == 1 ? 0 : row % zero.Count];
        return _product.IsSigned ? (sbyte)raw + 128 : raw;
    }

    public void Prepare(int panel, bool hasRowTerms, PanelTerms* terms)
    {
        int first = panel * PackedBytes.Width, columns = _b.Columns(panel);
        var sums = _b.Sums(panel);
        for (var i = 0; hasRowTerms && i < columns; i++)
        {
            terms->Zeros[i] = ZeroOfB(first + i);
            terms->Columns[i] = sums[i] - _b.K * terms->Zeros[i];
        }

        var zeroA = hasRowTerms ? 0 : ZeroOfA(0);
        Spread(_product.Bias, first, columns, (byte*)terms->Bias);
        for (var i = 0; i < PackedBytes.Width; i += ByteLanes.Count)
        {
            (Vector512.Load(terms->Bias + i) - Vector512.Load(sums + i) * zeroA).Store(terms->Bias + i);
        }

        PrepareScales(first, columns, terms);
        if (_product.Requantization is { } to)
        {
            terms->Range = ByteRange.Of(to.To, to.Low, to.High);
            terms->Stored = to.Sum is { } sum ? ByteRange.Of(sum.Of) : default;
            terms->Residual = to.Sum is { } added ? ByteRange.Of(added.From) : default;
        }
    }

    // The order of the products is that of other engines, so that their results are met exactly.
    private void PrepareScales(int first, int columns, PanelTerms* terms)
    {
        var (scaleA, scaleB) = _product.Requantization is { } r ? (r.ScaleA, r.ScaleB)
            : (_product.Dequantization?.ScaleA, _product.Dequantization?.ScaleB);
        if (scaleA is null)
        {
            return;
        }

        var a = *(float*)scaleA.Pointer;
        var divisor = _product.Requantization is { } to ? *(float*)(to.Sum?.Of.Scale ?? to.To.Scale).Pointer : 1;
        Spread(scaleB, first, columns, (byte*)terms->Scales);
        Spread(_product.Dequantization?.Bias, first, columns, (byte*)terms->Shifts);
        for (var i = 0; i < PackedBytes.Width; i += ByteLanes.Count)
        {
            (a * Vector512.Load(terms->Scales + i) / Vector512.Create(divisor)).Store(terms->Scales + i);
        }
    }

    // 32-bit values of the columns, or one for all; zeros where there are none.
    private static void Spread(TensorRef? source, int first, int columns, byte* target)
    {
        var values = new Span<int>(target, PackedBytes.Width);
        if (source is null)
        {
            values.Clear();
        }
        else if (source.Count == 1)
        {
            values.Fill(*(int*)source.Pointer);
        }
        else
        {
            new Span<int>((int*)source.Pointer + first, columns).CopyTo(values);
        }
    }

    public void Write(in SumRows rows, PanelTerms* terms)
    {
        if (_product.Requantization is { } requantization)
        {
            WriteBytes(rows, terms, requantization);
        }
        else if (_product.Dequantization is { } dequantization)
        {
            WriteFloats(rows, terms, dequantization);
        }
        else
        {
            WriteSums(rows, terms);
        }
    }

    private int ZeroOfB(int column)
    {
        if (_product.ZeroB is not { } zero)
        {
            return -_b.Shift;
        }

        var raw = zero.Pointer[zero.Count == 1 ? 0 : column];
        return (_b.Shift == 0 ? (sbyte)raw : raw) - _b.Shift;
    }

    private static int WidthOf(in SumRows rows) =>
        rows.Columns > ByteLanes.Count ? PackedBytes.Width : ByteLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Sums(in SumRows rows, PanelTerms* terms, int row, int column)
    {
        var sums = Vector512.Load(rows.Sums + row * WidthOf(rows) + column) + Vector512.Load(terms->Bias + column);
        return !rows.HasTerms ? sums : sums - Vector512.Load(terms->Columns + column) * rows.ZerosOfA[row] -
            Vector512.Load(terms->Zeros + column) * rows.RowSums[row];
    }

    private void WriteSums(in SumRows rows, PanelTerms* terms)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            var target = (int*)_y.Pointer + (rows.First + row) * _y.Strides[0] + rows.Column;
            for (var column = 0; column < rows.Columns; column += ByteLanes.Count)
            {
                Store(Sums(rows, terms, row, column).AsByte(), target + column,
                    rows.Columns - column, terms);
            }
        }
    }

    private static void Store(Vector512<byte> lanes, void* target, int columns, PanelTerms* terms)
    {
        if (columns >= ByteLanes.Count)
        {
            lanes.Store((byte*)target);
            return;
        }

        lanes.Store((byte*)terms->Narrow);
        new Span<int>(terms->Narrow, columns).CopyTo(new Span<int>(target, columns));
    }

    private void WriteFloats(in SumRows rows, PanelTerms* terms, Dequantization to)
    {
        for (var column = 0; column < rows.Columns; column += ByteLanes.Count)
        {
            var (scale, shift) = (Vector512.Load(terms->Scales + column), Vector512.Load(terms->Shifts + column));
            var target = (float*)_y.Pointer + rows.First * _y.Strides[0] + rows.Column + column;
            var residual = to.Residual is { } r
                ? (float*)r.Pointer + rows.First * r.Strides[0] + rows.Column + column : null;
            var columns = rows.Columns - column;
            for (var row = 0; row < rows.Count; row++, target += _y.Strides[0])
            {
                var value = Vector512.ConvertToSingle(Sums(rows, terms, row, column)) * scale + shift;
                if (residual != null)
                {
                    value += Read(residual, columns, terms);
                    residual += to.Residual!.Strides[0];
                }

                Store(value.AsByte(), target, columns, terms);
            }
        }

        for (var row = 0; _activation != null && row < rows.Count; row++)
        {
            _activation((float*)_y.Pointer + (rows.First + row) * _y.Strides[0] + rows.Column, rows.Columns,
                to.Activation.Alpha, to.Activation.Beta);
        }
    }

    private static Vector512<float> Read(float* source, int columns, PanelTerms* terms)
    {
        if (columns >= ByteLanes.Count)
        {
            return Vector512.Load(source);
        }

        new Span<float>(source, columns).CopyTo(new Span<float>(terms->Narrow, columns));
        return Vector512.Load(terms->Narrow);
    }

    private void WriteBytes(in SumRows rows, PanelTerms* terms, Requantization to)
    {
        for (var column = 0; column < rows.Columns; column += ByteLanes.Count)
        {
            if (to.Sum is { } sum)
            {
                WriteSum(rows, terms, column, sum.Residual);
            }
            else
            {
                WriteBytes(rows, terms, column);
            }
        }
    }

    // Sixteen columns go down all rows, so that what they need stays in registers.
    private void WriteBytes(in SumRows rows, PanelTerms* terms, int column)
    {
        var range = terms->Range;
        var scale = Vector512.Load(terms->Scales + column);
        var (low, high, zero) = (Vector512.Create(range.Low), Vector512.Create(range.High),
            Vector512.Create(range.Zero));
        var target = _y.Pointer + rows.First * _y.Strides[0] + rows.Column + column;
        var (pitch, columns) = (_y.Strides[0], rows.Columns - column);
        if (columns < ByteLanes.Count || rows.HasTerms)
        {
            for (var row = 0; row < rows.Count; row++, target += pitch)
            {
                var value = Vector512.ConvertToSingle(Sums(rows, terms, row, column)) * scale;
                StoreBytes(ByteLanes.Narrow(ByteLanes.Round(ByteLanes.Clamp(value, low, high)) + zero), target,
                    columns, terms);
            }

            return;
        }

        var bias = Vector512.Load(terms->Bias + column);
        var sums = rows.Sums + column;
        var width = WidthOf(rows);
        for (var row = 0; row < rows.Count; row++, target += pitch, sums += width)
        {
            var value = Vector512.ConvertToSingle(Vector512.Load(sums) + bias) * scale;
            ByteLanes.Narrow(ByteLanes.Round(ByteLanes.Clamp(value, low, high)) + zero).Store(target);
        }
    }

    private void WriteSum(in SumRows rows, PanelTerms* terms, int column, TensorRef residuals)
    {
        ByteRange range = terms->Range, middle = terms->Stored, from = terms->Residual;
        var scale = Vector512.Load(terms->Scales + column);
        var (least, most) = (Vector512.Create(middle.Low), Vector512.Create(middle.High));
        var (low, high, zero) = (Vector512.Create(range.Low), Vector512.Create(range.High),
            Vector512.Create(range.Zero));
        var (stored, read) = (Vector512.Create(middle.Scale / range.Scale), Vector512.Create(from.Scale / range.Scale));
        var zeroRead = Vector512.Create(from.Zero);
        var target = _y.Pointer + rows.First * _y.Strides[0] + rows.Column + column;
        var residual = residuals.Pointer + rows.First * residuals.Strides[0] + rows.Column + column;
        var (pitch, pitchRead) = (_y.Strides[0], residuals.Strides[0]);
        var columns = rows.Columns - column;
        if (columns < ByteLanes.Count || rows.HasTerms)
        {
            for (var row = 0; row < rows.Count; row++, target += pitch, residual += pitchRead)
            {
                var own = Vector512.ConvertToSingle(Sums(rows, terms, row, column)) * scale;
                var other = Vector512.ConvertToSingle(Read(residual, columns, terms, from.IsSigned) - zeroRead) * read;
                own = Vector512.ConvertToSingle(ByteLanes.Round(ByteLanes.Clamp(own, least, most))) * stored;
                var bytes = ByteLanes.Narrow(ByteLanes.Round(ByteLanes.Clamp(own + other, low, high)) + zero);
                StoreBytes(bytes, target, columns, terms);
            }

            return;
        }

        var bias = Vector512.Load(terms->Bias + column);
        var sums = rows.Sums + column;
        var width = WidthOf(rows);
        for (var row = rows.Count; row > 0; row--, target += pitch, residual += pitchRead, sums += width)
        {
            var own = Vector512.ConvertToSingle(Vector512.Load(sums) + bias) * scale;
            var other = Vector512.ConvertToSingle(ByteLanes.Widen(residual, from.IsSigned) - zeroRead) * read;
            own = Vector512.ConvertToSingle(ByteLanes.Round(ByteLanes.Clamp(own, least, most))) * stored;
            ByteLanes.Narrow(ByteLanes.Round(ByteLanes.Clamp(own + other, low, high)) + zero).Store(target);
        }
    }

    private static Vector512<int> Read(byte* source, int columns, PanelTerms* terms, bool isSigned)
    {
        if (columns >= ByteLanes.Count)
        {
            return ByteLanes.Widen(source, isSigned);
        }

        new Span<byte>(source, columns).CopyTo(new Span<byte>(terms->Narrow, columns));
        return ByteLanes.Widen((byte*)terms->Narrow, isSigned);
    }

    private static void StoreBytes(Vector128<byte> bytes, byte* target, int columns, PanelTerms* terms)
    {
        if (columns >= ByteLanes.Count)
        {
            bytes.Store(target);
            return;
        }

        bytes.Store((byte*)terms->Narrow);
        new Span<byte>(terms->Narrow, columns).CopyTo(new Span<byte>(target, columns));
    }
}
