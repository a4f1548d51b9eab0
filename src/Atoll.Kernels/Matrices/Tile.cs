namespace Atoll.Kernels;

/// <summary>What a micro-kernel does besides multiplying.</summary>
[Flags]
internal enum TileFlags : long
{
    None = 0,

    /// <summary>Sums start from the partial sums, not from zero.</summary>
    LoadPartial = 1,

    /// <summary>Sums go to the partial sums without epilogue: the reduction goes on in a later call.</summary>
    StorePartial = 2,
    Bias = 4,
    Residual = 8,

    /// <summary>Results are limited to [Low, High].</summary>
    Clip = 16,
}

/// <summary>
/// One call of a micro-kernel: a tile of Rows by Width sums. Rows of A are read where they lie, in two groups with a
/// common pitch; the reduction runs over segments of contiguous elements; B is a packed panel [k][Width].
/// </summary>
internal unsafe struct Tile
{
    /// <summary>
    /// Rows 0 to h-1 start at A0, rows h on at A1, where h = (Rows + 1) / 2; likewise C and Residual.
    /// </summary>
    public float* A0, A1;
    public nint PitchA;

    /// <summary>Start of each segment relative to the row, in elements.</summary>
    public nint* Segments;
    public nint SegmentCount, SegmentLength;
    public float* B;

    /// <summary>Partial sums [Rows][Width].</summary>
    public float* Partial;
    public float* C0, C1;
    public nint PitchC;
    public float* Bias;
    public float* Residual0, Residual1;
    public nint PitchResidual;

    /// <summary>Weights that will be needed next, and how far to move there per four steps of the reduction.</summary>
    public byte* Prefetch;
    public nint PrefetchStep;
    public TileFlags Flags;
    public float Low, High;
    public int Rows, Width;

    /// <summary>Elements of the first segment that an earlier call has done; B starts behind them.</summary>
    public nint Skip;

    /// <summary>
    /// A call that finds another value at Signal than Seen may stop: it stores the partial sums and what is left in the
    /// four fields below.
    /// </summary>
    public long* Signal;
    public long Seen;
    public nint LeftCount, LeftSkip;
    public nint* LeftSegments;
    public float* LeftB;
}
