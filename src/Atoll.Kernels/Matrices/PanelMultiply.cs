using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Rows of A and where their results go; addresses of the first column.</summary>
internal unsafe struct TileRows
{
    public float* A0, A1, C0, C1, Residual0, Residual1;
    public int Rows;
}

/// <summary>Contiguous parts of the reduction that one micro-kernel call covers, a few microseconds of work.</summary>
internal readonly record struct ReductionChunk(int Segment, int SegmentCount, int Offset, int Length)
{
    /// <summary>Elements of a call: at 14 x 32 sums some 3 microseconds, with yield points inside.</summary>
    public const int Maximum = 384;

    /// <summary>Deals segments of one length to calls: several short ones to one, a long one to several.</summary>
    public static ReductionChunk[] Split(int segments, int length)
    {
        List<ReductionChunk> chunks = [];
        if (length <= Maximum)
        {
            var together = Math.Max(1, Maximum / Math.Max(1, length));
            for (var first = 0; first < segments; first += together)
            {
                chunks.Add(new ReductionChunk(first, Math.Min(together, segments - first), 0, length));
            }

            return [.. chunks];
        }

        var parts = (length + Maximum - 1) / Maximum;
        var part = ((length + parts - 1) / parts + 3) & ~3;
        for (var segment = 0; segment < segments; segment++)
        {
            for (var offset = 0; offset < length; offset += part)
            {
                chunks.Add(new ReductionChunk(segment, 1, offset, Math.Min(part, length - offset)));
            }
        }

        return [.. chunks];
    }
}

/// <summary>
/// Multiplies rows that lie where they lie with packed panels: all tiles of a block go through one chunk of one panel
/// before the next, so that the chunk is read from the near cache, while the first tiles prefetch what follows.
/// </summary>
internal sealed unsafe class PanelMultiply
{
    private readonly PackedPanels _panels;
    private readonly ReductionChunk[] _chunks;
    private readonly nint[] _segments;
    private readonly delegate*<Tile*, void>[] _full;
    private readonly delegate*<Tile*, void>[] _last;
    private readonly delegate*<float*, nint, nint, nint, float, float, void> _activation;
    private readonly Activation _function;
    private readonly TileFlags _flags;
    private readonly float _low;
    private readonly float _high;

    /// <param name="segments">Starts of the segments of the reduction relative to a row.</param>
    public PanelMultiply(PackedPanels panels, nint[] segments, int segmentLength, Epilogue epilogue)
    {
        _panels = panels;
        _segments = segments;
        _chunks = ReductionChunk.Split(segments.Length, segmentLength);
        _flags = (panels.HasBias ? TileFlags.Bias : 0) | (epilogue.Residual != null ? TileFlags.Residual : 0);
        _function = epilogue.Activation;
        if (_function.Kind is ActivationKind.Relu or ActivationKind.Clip)
        {
            _flags |= TileFlags.Clip;
            (_low, _high) = _function.Kind == ActivationKind.Relu
                ? (0, float.PositiveInfinity) : (_function.Alpha, _function.Beta);
        }
        else
        {
            _activation = ActivationFunctions.RowsOf(_function.Kind, panels.Level);
        }

        MaxRows = MicroKernels.MaxRows(panels.Level);
        _full = new delegate*<Tile*, void>[MaxRows + 1];
        _last = new delegate*<Tile*, void>[MaxRows + 1];
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            _full[rows] = MicroKernels.Of(panels.Level, rows, panels.FullWidth);
            _last[rows] = MicroKernels.Of(panels.Level, rows, panels.LastWidth);
        }
    }

    public int MaxRows { get; }

    /// <summary>Pitches in elements of A, C and the residual; set once before use.</summary>
    public required nint PitchA { get; init; }

    public required nint PitchC { get; init; }

    public nint PitchResidual { get; init; }

    /// <summary>Whether A is so large that its rows come from far memory: the next tile's are fetched ahead.</summary>
    public bool FetchesInputs { get; init; }

    /// <summary>Whether C is so large that its rows are far: fetched while the sums are made.</summary>
    public bool FetchesOutputs { get; init; }

    /// <summary>Floats that <see cref="Run"/> needs for partial sums of the given tiles.</summary>
    public long PartialFloats(int tiles) => (tiles + 1L) * MaxRows * _panels.FullWidth;

    /// <summary>Floats that <see cref="RunScaled"/> needs for a panel whose rows are scaled.</summary>
    public int ScaledFloats => _panels.K * _panels.FullWidth;

    /// <summary>All tiles times panels first to last - 1; false when the block must be left.</summary>
    public bool Run(TileRows* tiles, int count, int first, int last, float* partial, BlockContext context) =>
        RunScaled(tiles, count, first, last, partial, default, context);

    /// <summary>The same with each row of the panels times a factor.</summary>
    public bool RunScaled(TileRows* tiles, int count, int first, int last, float* partial, PanelScale scale,
        BlockContext context)
    {
        fixed (nint* segments = _segments)
        {
            for (var panel = first; panel < last; panel++)
            {
                var b = _panels.Panel(panel);
                if (scale.Factors != null)
                {
                    if (!scale.Apply(b, _panels.K, _panels.Width(panel), context))
                    {
                        return false;
                    }

                    b = scale.Scaled;
                }

                for (var chunk = 0; chunk < _chunks.Length; chunk++)
                {
                    var part = _chunks[chunk];
                    var place = new ChunkPlace(panel, chunk, panel == first);
                    if (!RunChunk(tiles, count, place, b, segments + part.Segment, partial, context))
                    {
                        return false;
                    }

                    b += (nint)part.SegmentCount * part.Length * _panels.Width(panel);
                }
            }
        }

        return true;
    }

    private bool RunChunk(TileRows* tiles, int count, ChunkPlace place, float* b, nint* segments, float* partial,
        BlockContext context)
    {
        var (panel, chunk, isFirst) = place;
        var part = _chunks[chunk];
        var width = _panels.Width(panel);
        var kernels = panel == _panels.Count - 1 ? _last : _full;
        var tail = _panels.Columns(panel) < width;
        var final = chunk == _chunks.Length - 1;
        nint column = (nint)panel * _panels.FullWidth, chunkBytes = (nint)part.SegmentCount * part.Length * width
            * sizeof(float);
        Tile tile;
        tile.PitchA = PitchA;
        tile.PitchC = PitchC;
        tile.PitchResidual = PitchResidual;
        tile.Segments = segments;
        tile.SegmentCount = part.SegmentCount;
        tile.SegmentLength = part.Length;
        tile.B = b;
        tile.Bias = _panels.Bias + column;
        tile.Low = _low;
        tile.High = _high;
        tile.Width = width;
        tile.Flags = (chunk > 0 ? TileFlags.LoadPartial : 0) | (final && !tail ? _flags : TileFlags.StorePartial);
        for (var i = 0; i < count; i++)
        {
            var rows = tiles + i;
            tile.Rows = rows->Rows;
            tile.A0 = rows->A0 + part.Offset;
            tile.A1 = rows->A1 + part.Offset;
            tile.C0 = rows->C0 + column;
            tile.C1 = rows->C1 + column;
            tile.Residual0 = rows->Residual0 + column;
            tile.Residual1 = rows->Residual1 + column;
            tile.Partial = partial + (nint)i * MaxRows * _panels.FullWidth;
            tile.Prefetch = (byte*)b + chunkBytes + (i < 4 ? i * chunkBytes / 4 : 0);
            tile.PrefetchStep = i < 4 ? TilePrefetch.StepBytes : 0;
            if (FetchesInputs && isFirst && i + 1 < count)
            {
                TilePrefetch.Inputs(&tile, rows + 1, part.Offset);
            }

            if (FetchesOutputs && final)
            {
                TilePrefetch.Outputs(&tile);
            }

            if (!MicroKernels.Run(kernels[rows->Rows], &tile, context))
            {
                return false;
            }

            if (final)
            {
                Finish(&tile, _panels.Columns(panel), tail);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Writes the columns that exist of a narrow panel, and applies activations that micro-kernels have not.
    /// </summary>
    private void Finish(Tile* tile, int columns, bool tail)
    {
        var half = (tile->Rows + 1) / 2;
        for (var r = 0; tail && r < tile->Rows; r++)
        {
            var c = r < half ? tile->C0 + r * tile->PitchC : tile->C1 + (r - half) * tile->PitchC;
            var residual = r < half
                ? tile->Residual0 + r * tile->PitchResidual : tile->Residual1 + (r - half) * tile->PitchResidual;
            WriteTail(tile, tile->Partial + r * tile->Width, c, residual, columns);
        }

        if (_activation != null)
        {
            _activation(tile->C0, tile->PitchC, half, columns, _function.Alpha, _function.Beta);
            _activation(tile->C1, tile->PitchC, tile->Rows - half, columns, _function.Alpha, _function.Beta);
        }
    }

    private void WriteTail(Tile* tile, float* partial, float* c, float* residual, int columns)
    {
        var sums = new TailSums(partial, tile->Bias);
        var column = 0;
        if (_panels.Level == SimdLevel.Vector512)
        {
            column = Write<Lanes16>(sums, c, residual, column, columns);
        }

        if (_panels.Level >= SimdLevel.Vector256)
        {
            column = Write<Lanes8>(sums, c, residual, column, columns);
        }

        Write<Lanes1>(sums, c, residual, column, columns);
    }

    /// <summary>Writes the columns that fill registers; returns the first that does not.</summary>
    private int Write<T>(in TailSums sums, float* c, float* residual, int column, int columns)
        where T : struct, ILanes<T>
    {
        for (; column + T.Count <= columns; column += T.Count)
        {
            var sum = T.Load(sums.Partial + column) + T.Load(sums.Bias + column);
            if ((_flags & TileFlags.Residual) != 0)
            {
                sum += T.Load(residual + column);
            }

            if ((_flags & TileFlags.Clip) != 0)
            {
                sum = T.Min(T.Create(_high), T.Max(T.Create(_low), sum));
            }

            T.Store(sum, c + column);
        }

        return column;
    }

    /// <summary>Which chunk of which panel, and whether the rows of A are met for the first time.</summary>
    private readonly record struct ChunkPlace(int Panel, int Chunk, bool IsFirst);

    private readonly struct TailSums(float* partial, float* bias)
    {
        public float* Partial { get; } = partial;

        public float* Bias { get; } = bias;
    }
}
