namespace Atoll.Kernels;

/// <summary>
/// Deals tiles of 4x4 outputs times panels of channels to blocks. Tiles of one block share the weights that it reads,
/// so where weights are heavy a block has many tiles and few panels.
/// </summary>
internal sealed record WinogradPlan(int TilesHigh, int TilesWide, int Groups, int Parts, int Tiles, int Panels)
{
    private const int BlocksMin = 4;
    private const int FewGroups = 32;
    private const int NearTiles = 28;
    private const int NearCacheBytes = 1 << 20;
    private const int ScratchBytesMax = 2_200_000;

    public int Blocks => Groups * Parts;

    public int MaxTiles => (Tiles + Groups - 1) / Groups;

    public static WinogradPlan Choose(ImageView y, PackedPanels panels)
    {
        int high = (y.Height + 3) / 4, wide = (y.Width + 3) / 4, tiles = y.Images * high * wide;
        var channels = panels.K / WinogradWeights.Points;
        var most = Math.Clamp(
            ScratchBytesMax / (WinogradWeights.Points * 4 * (channels + panels.FullWidth)), 1, Math.Max(1, tiles));
        var wanted = panels.Bytes <= NearCacheBytes ? Math.Min(most, NearTiles) : most;
        var groups = (tiles + wanted - 1) / wanted;
        if (groups is > 1 and < FewGroups)
        {
            // As many for each of several units; a smaller group needs no more memory.
            groups = Math.Min(tiles, (groups + BlocksMin - 1) / BlocksMin * BlocksMin);
        }

        var parts = Math.Clamp((BlocksMin + groups - 1) / groups, 1, panels.Count);
        return new WinogradPlan(high, wide, groups, parts, tiles, panels.Count);
    }

    /// <summary>Blocks of the same panels follow one another.</summary>
    public (int FirstTile, int LastTile, int FirstPanel, int LastPanel) Part(int block)
    {
        var (firstTile, lastTile) = BlockSplit.Part(Tiles, Groups, block % Groups);
        var (firstPanel, lastPanel) = BlockSplit.Part(Panels, Parts, block / Groups);
        return (firstTile, lastTile, firstPanel, lastPanel);
    }

    /// <summary>Image and first output row and column of a tile.</summary>
    public (int Image, int Row, int Column) Place(int tile)
    {
        var (line, column) = Math.DivRem(tile, TilesWide);
        var (image, row) = Math.DivRem(line, TilesHigh);
        return (image, row * 4, column * 4);
    }
}
