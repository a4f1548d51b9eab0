namespace Atoll.Kernels;

/// <summary>A rectangle of output pixels of one image times some panels of channels: the work of one block.</summary>
internal readonly record struct Region(
    int Image, int Row, int Column, int Rows, int Columns, int FirstPanel, int LastPanel);

/// <summary>Deals the output of a convolution to blocks.</summary>
internal sealed class RegionPlan
{
    private readonly ImageView _y;
    private readonly int _panels;
    private readonly int _rowParts;
    private readonly int _columnParts;
    private readonly BlockSplit _split;

    private RegionPlan(ImageView y, int panels, int rowParts, int columnParts, BlockSplit split)
    {
        (_y, _panels, _rowParts, _columnParts) = (y, panels, rowParts, columnParts);
        _split = split with { RowBlocks = y.Images * rowParts * columnParts };
        MaxRows = (y.Height + rowParts - 1) / rowParts;
        MaxColumns = (y.Width + columnParts - 1) / columnParts;
        Microseconds = split.Microseconds;
    }

    public int Blocks => _split.Blocks;

    public int MaxRows { get; }

    public int MaxColumns { get; }

    public double Microseconds { get; }

    public static RegionPlan Choose(ImageView x, ImageView y, PackedPanels panels, ConvolutionWindow window)
    {
        var tile = MicroKernels.MaxRows(panels.Level);
        var pixels = y.Height * y.Width;
        var split = BlockSplit.Choose(pixels, tile, panels, x.Bytes);
        var perBlock = Math.Max(1, pixels / split.RowBlocks);
        // Whole lines where they fit; two of them where only both fill a tile.
        var columns = Math.Min(y.Width, Math.Max(tile, (perBlock + tile / 2) / tile * tile));
        var rows = Math.Clamp((perBlock + y.Width / 2) / y.Width, 1, y.Height);
        rows = y.Width * 2 <= tile ? Math.Min(y.Height, (rows + 1) & ~1) : rows;
        while (window.InputRows(rows) * (long)window.InputColumns(columns) * window.Channels > 700_000)
        {
            (rows, columns) = rows > 1 ? ((rows + 1) / 2, columns) : (rows, columns > 1 ? (columns + 1) / 2
                : throw new ArgumentException(
                    $"a window of {window.Channels} channels does not fit the scratch memory"));
        }

        var rowParts = (y.Height + rows - 1) / rows;
        var columnParts = (y.Width + columns - 1) / columns;
        return new RegionPlan(y, panels.Count, rowParts, columnParts, split);
    }

    public Region Region(int block)
    {
        var (position, panel) = _split.Position(block);
        var (columnPart, rest) = (position % _columnParts, position / _columnParts);
        var (rowPart, image) = (rest % _rowParts, rest / _rowParts);
        var (row, rowEnd) = BlockSplit.Part(_y.Height, _rowParts, rowPart);
        var (column, columnEnd) = BlockSplit.Part(_y.Width, _columnParts, columnPart);
        var (first, last) = BlockSplit.Part(_panels, _split.PanelBlocks, panel);
        return new Region(image, row, column, rowEnd - row, columnEnd - column, first, last);
    }
}
