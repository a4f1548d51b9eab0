namespace Atoll.Kernels;

/// <summary>How rows and panels are dealt to blocks of some 10 to 40 microseconds.</summary>
internal readonly record struct BlockSplit(int RowBlocks, int PanelBlocks, bool PanelMajor, double Microseconds)
{
    private const double BlockMicroseconds = 25;

    // A small product is cut into about this many blocks, so that several units can share it.
    private const int BlocksWanted = 16;
    private const double ShortBlockMicroseconds = 6;

    // Rows of more bytes than a near cache holds come from far memory once for each group of panels, so a block has as
    // many panels as may stay in that cache beside them.
    private const long NearCacheBytes = 1 << 20;
    private const long NearPanelBytes = 640 << 10;

    public int Blocks => RowBlocks * PanelBlocks;

    /// <param name="rows">Rows of the whole product (pixels of a convolution).</param>
    /// <param name="rowQuantum">Rows that should stay together: a tile.</param>
    /// <param name="panels">The other operand.</param>
    /// <param name="rowBytes">What all rows are made from, where they are far from contiguous; 0: not known.</param>
    public static BlockSplit Choose(long rows, int rowQuantum, PackedPanels panels, long rowBytes = 0)
    {
        // Each panel is read once per block, and once from memory by the first that needs it.
        var perRow = 2.0 * panels.K * panels.FullWidth / 80e3;
        var perPanel = 4.0 * panels.K * panels.FullWidth / 20e3;
        var wanted = Math.Clamp(perRow * rows * panels.Count / BlocksWanted, ShortBlockMicroseconds, BlockMicroseconds);
        double Cost(double r, double p) => p * Math.Max(perRow * r, perPanel);
        var heavy = panels.Bytes > 256 << 10 || rows <= rowQuantum;
        double rowsPerBlock = Math.Min(rows, Math.Max(rowQuantum, wanted / perRow));
        if (!heavy)
        {
            rowsPerBlock = Math.Min(rows, Math.Max(rowQuantum, wanted / perRow / panels.Count));
        }

        var panelsPerBlock = (int)Math.Clamp(wanted / Cost(rowsPerBlock, 1), 1, panels.Count);
        if (heavy && rowBytes > NearCacheBytes)
        {
            var panelBytes = (long)panels.K * panels.FullWidth * sizeof(float);
            panelsPerBlock = (int)Math.Clamp(NearPanelBytes / panelBytes, panelsPerBlock, panels.Count);
            rowsPerBlock = Math.Min(rows, Math.Max(rowQuantum, wanted / perRow / panelsPerBlock));
        }

        var quanta = Math.Max(1, Math.Round(rowsPerBlock / rowQuantum));
        var rowBlocks = (int)Math.Clamp(Math.Ceiling(rows / (quanta * rowQuantum)), 1, 1 << 15);
        var panelBlocks = (panels.Count + panelsPerBlock - 1) / panelsPerBlock;
        return new BlockSplit(rowBlocks, panelBlocks, heavy, Cost((double)rows / rowBlocks, panelsPerBlock));
    }

    /// <summary>Neighbouring blocks share panels where these are many, rows where those are.</summary>
    public (int Row, int Panel) Position(int block) =>
        PanelMajor ? (block % RowBlocks, block / RowBlocks) : (block / PanelBlocks, block % PanelBlocks);

    public static (int First, int Last) Part(int count, int parts, int index) =>
        ((int)((long)count * index / parts), (int)((long)count * (index + 1) / parts));
}
