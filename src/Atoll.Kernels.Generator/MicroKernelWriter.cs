using System.Linq;
using System.Text;

namespace Atoll.Kernels.Generator;

/// <summary>Writes one micro-kernel of the given register width, rows and registers per row.</summary>
internal sealed class MicroKernelWriter
{
    private const int Unroll = 4;

    // Steps of the reduction between two looks at the signal word: half a microsecond of the largest tile.
    private const int StepsBetweenLooks = 64;
    private readonly StringBuilder _text;
    private readonly int _bits;
    private readonly int _rows;
    private readonly int _vectors;
    private readonly int _lanes;
    private readonly int _half;

    public MicroKernelWriter(StringBuilder text, int bits, int rows, int vectors)
    {
        _text = text;
        _bits = bits;
        _rows = rows;
        _vectors = vectors;
        _lanes = bits / 32;
        _half = (rows + 1) / 2;
    }

    public void Write()
    {
        Line("[MethodImpl(MethodImplOptions.NoInlining)]");
        Line($"private static void Tile{_bits}x{_rows}x{_vectors}(Tile* tile)");
        Line("{");
        var sums = from row in Enumerable.Range(0, _rows) from v in Enumerable.Range(0, _vectors) select $"s{row}_{v}";
        Line($"Vector{_bits}<float> " + string.Join(", ", sums.Select(s => $"{s} = Vector{_bits}<float>.Zero")) + ";");
        Line("if ((tile->Flags & TileFlags.LoadPartial) != 0) { var p = tile->Partial;");
        EachSum((row, v) => $"s{row}_{v} = Vector{_bits}.Load(p + {Partial(row, v)});");
        Line("}");
        Multiply();
        Line("if ((tile->Flags & TileFlags.StorePartial) != 0) { var p = tile->Partial;");
        EachSum((row, v) => $"s{row}_{v}.Store(p + {Partial(row, v)});");
        Line("return; }");
        Finish();
        Line("}");
    }

    private int Partial(int row, int vector) => (row * _vectors + vector) * _lanes;

    private void Multiply()
    {
        Line("nint pitch = tile->PitchA * 4, pitch2 = pitch * 2, prefetchStep = tile->PrefetchStep;");
        Line("float* b = tile->B; byte* prefetch = tile->Prefetch; nint* segment = tile->Segments;");
        Line("nint k = tile->SegmentLength - tile->Skip, start = (*segment + tile->Skip) * 4;");
        Line("for (nint left = tile->SegmentCount; left > 0;) {");
        // One base register serves three rows: [base], [base + pitch], [base + 2 pitch].
        EachBase((name, first, offset) => Line($"byte* {name} = (byte*)tile->{first} + start + {offset} * pitch;"));
        Line($"while (k >= {Unroll}) {{");
        Line($"nint stop = k - {StepsBetweenLooks}; if (stop < {Unroll - 1}) {{ stop = {Unroll - 1}; }}");
        Line("do {");
        Line("Sse.Prefetch1(prefetch); Sse.Prefetch1(prefetch + 64); prefetch += prefetchStep;");
        for (var step = 0; step < Unroll; step++)
        {
            Step(step);
        }

        EachBase((name, _, _) => Line($"{name} += {4 * Unroll};"));
        Line($"b += {Unroll * _vectors * _lanes}; k -= {Unroll}; }} while (k > stop);");
        Pause();
        Line("}");
        Line("for (; k > 0; k--) {");
        Step(0);
        EachBase((name, _, _) => Line($"{name} += 4;"));
        Line($"b += {_vectors * _lanes}; }}");
        Line("if (--left > 0) { segment++; start = *segment * 4; k = tile->SegmentLength; }");
        Line("}");
    }

    /// <summary>Stops where the unit is wanted: the sums go to memory, and a later call goes on with them.</summary>
    private void Pause()
    {
        Line("if (System.Threading.Volatile.Read(ref *tile->Signal) != tile->Seen) { var p = tile->Partial;");
        EachSum((row, v) => $"s{row}_{v}.Store(p + {Partial(row, v)});");
        Line("tile->LeftB = b; tile->LeftSegments = segment; tile->LeftSkip = tile->SegmentLength - k;");
        Line("tile->LeftCount = left; return; }");
    }

    private void Step(int step)
    {
        Line("{");
        for (var v = 0; v < _vectors; v++)
        {
            Line($"var b{v} = Vector{_bits}.Load(b + {(step * _vectors + v) * _lanes});");
        }

        for (var row = 0; row < _rows; row++)
        {
            var inGroup = row < _half ? row : row - _half;
            var pitch = new[] { "", " + pitch", " + pitch2" }[inGroup % 3];
            Line($"{{ var a = Vector{_bits}.Create(*(float*)({BaseName(row)}{pitch} + {4 * step}));");
            for (var v = 0; v < _vectors; v++)
            {
                Line($"s{row}_{v} = Vector{_bits}.FusedMultiplyAdd(a, b{v}, s{row}_{v});");
            }

            Line("}");
        }

        Line("}");
    }

    private void Finish()
    {
        Line("if ((tile->Flags & TileFlags.Bias) != 0) { var p = tile->Bias;");
        EachSum((row, v) => $"s{row}_{v} += Vector{_bits}.Load(p + {v * _lanes});");
        Line("}");
        Line("if ((tile->Flags & TileFlags.Residual) != 0) {");
        EachRow("Residual", row => string.Concat(Enumerable.Range(0, _vectors).Select(
            v => $"s{row}_{v} += Vector{_bits}.Load(p + {v * _lanes}); ")));
        Line("}");
        Line($"if ((tile->Flags & TileFlags.Clip) != 0) {{ var low = Vector{_bits}.Create(tile->Low); "
            + $"var high = Vector{_bits}.Create(tile->High);");
        EachSum((row, v) => $"s{row}_{v} = Vector{_bits}.MinNative(high, Vector{_bits}.MaxNative(low, s{row}_{v}));");
        Line("}");
        Line("{");
        EachRow("C", row => string.Concat(Enumerable.Range(0, _vectors).Select(
            v => $"s{row}_{v}.Store(p + {v * _lanes}); ")));
        Line("}");
    }

    private void EachRow(string field, System.Func<int, string> statement)
    {
        Line($"var p = tile->{field}0;");
        for (var row = 0; row < _rows; row++)
        {
            Line(row == 0 ? "" : row == _half ? $"p = tile->{field}1;" : $"p += tile->Pitch{field};");
            Line(statement(row));
        }
    }

    private void EachSum(System.Func<int, int, string> statement)
    {
        for (var row = 0; row < _rows; row++)
        {
            for (var v = 0; v < _vectors; v++)
            {
                Line(statement(row, v));
            }
        }
    }

    private string BaseName(int row) => row < _half ? $"a0_{row / 3}" : $"a1_{(row - _half) / 3}";

    private void EachBase(System.Action<string, string, int> action)
    {
        for (var row = 0; row < _rows; row++)
        {
            var inGroup = row < _half ? row : row - _half;
            if (inGroup % 3 == 0)
            {
                action(BaseName(row), row < _half ? "A0" : "A1", inGroup);
            }
        }
    }

    private void Line(string line) => _text.AppendLine(line);
}
