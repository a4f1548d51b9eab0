namespace Atoll.Kernels;

/// <summary>One operand of a tiled product: the address of a line's first row and the distance between rows.</summary>
internal unsafe readonly struct TileLine(float* start, nint pitch)
{
    public float* Start { get; } = start;

    public nint Pitch { get; } = pitch;

    public float* Row(nint row) => Start + row * Pitch;
}

/// <summary>Cuts rows into tiles of nearly equal height.</summary>
internal static unsafe class TileList
{
    public static int TilesOf(int rows, int maxRows) => (rows + maxRows - 1) / maxRows;

    /// <summary>Adds the tiles of one line of rows at a constant pitch; returns how many.</summary>
    public static int AddLine(TileRows* tiles, int maxRows, int rows, TileLine a, TileLine c, TileLine residual)
    {
        var count = TilesOf(rows, maxRows);
        nint row = 0;
        for (var i = 0; i < count; i++)
        {
            var height = (int)((rows - row + (count - i) - 1) / (count - i));
            var second = row + (height + 1) / 2;
            tiles[i] = new TileRows
            {
                Rows = height,
                A0 = a.Row(row), A1 = a.Row(second),
                C0 = c.Row(row), C1 = c.Row(second),
                Residual0 = residual.Row(row), Residual1 = residual.Row(second),
            };
            row += height;
        }

        return count;
    }
}
