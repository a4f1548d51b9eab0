using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>One factor for each row of the packed panels, and memory for a panel times them.</summary>
internal unsafe readonly struct PanelScale(float* factors, float* scaled)
{
    // Some microsecond of work.
    private const int RowsTogether = 256;

    public float* Factors { get; } = factors;

    public float* Scaled { get; } = scaled;

    /// <summary>Writes a panel [k][width] times the factors; false when the block must be left.</summary>
    public bool Apply(float* panel, int k, int width, BlockContext context)
    {
        for (var first = 0; first < k; first += RowsTogether)
        {
            var last = Math.Min(k, first + RowsTogether);
            if (width % Lanes16.Count == 0 && SimdSupport.Best == SimdLevel.Vector512)
            {
                Rows<Lanes16>(panel, first, last, width);
            }
            else if (width % Lanes8.Count == 0 && SimdSupport.Best >= SimdLevel.Vector256)
            {
                Rows<Lanes8>(panel, first, last, width);
            }
            else
            {
                Rows<Lanes1>(panel, first, last, width);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Rows<T>(float* panel, int first, int last, int width) where T : struct, ILanes<T>
    {
        for (nint row = first; row < last; row++)
        {
            var factor = T.Create(Factors[row]);
            for (nint column = row * width; column < (row + 1) * width; column += T.Count)
            {
                T.Store(T.Load(panel + column) * factor, Scaled + column);
            }
        }
    }
}
