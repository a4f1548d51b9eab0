namespace Atoll.Kernels;

/// <summary>How the rows and panels of a product of bytes are dealt to blocks of some tens of microseconds.</summary>
internal sealed record ByteSplit(int RowBlocks, int PanelBlocks, int MaxRows, int StepsMax, double Microseconds)
{
    private const double BlockMicroseconds = 25;
    private const double ShortBlockMicroseconds = 6;
    private const int BlocksWanted = 16;

    // Gathered rows of a block stay in the near caches.
    private const int RowBytesMax = 256 << 10;

    // Weights that do not stay in the near caches are used for all rows before the next.
    private const int HeavyBytes = 256 << 10;

    public int Blocks => RowBlocks * PanelBlocks;

    public bool IsPanelMajor { get; private init; }

    public static ByteSplit Choose(int rows, PackedBytes b, ByteProductForm form)
    {
        // Products per microsecond, and steps of one call of some 2 or 3 microseconds, at 14 x 32 sums.
        var (rate, steps) = form switch
        {
            ByteProductForm.Vnni512 => (190e3, 384),
            ByteProductForm.Vnni256 => (80e3, 112),
            _ => (25e3, 32),
        };
        var perRow = Math.Max(1.0, (double)b.K * b.Panels * PackedBytes.Width) / rate;
        var wanted = Math.Clamp(perRow * rows / BlocksWanted, ShortBlockMicroseconds, BlockMicroseconds);
        var tile = ByteMicroKernels.MaxRows;
        var most = Math.Max(1, Math.Min(rows, RowBytesMax / Math.Max(1, b.K)));
        var together = (int)Math.Clamp(Math.Round(wanted / perRow / tile) * tile, Math.Min(tile, most), most);
        var rowBlocks = Math.Max(1, (rows + together - 1) / together);
        var height = (rows + rowBlocks - 1) / rowBlocks;
        var panelBlocks = (int)Math.Clamp(Math.Round(perRow * height / wanted), 1, Math.Max(1, b.Panels));
        return new ByteSplit(rowBlocks, panelBlocks, height, steps, perRow * height / panelBlocks)
        {
            IsPanelMajor = (long)b.K * b.N > HeavyBytes,
        };
    }

    /// <summary>Neighbouring blocks share panels where these are heavy, else rows.</summary>
    public (int Row, int Panel) Position(int block) =>
        IsPanelMajor ? (block % RowBlocks, block / RowBlocks) : (block / PanelBlocks, block % PanelBlocks);
}
