namespace Atoll.Devices;

/// <summary>
/// Lengths of stretches between yield points, and how long work that arrives at a random time waits for the next one.
/// </summary>
public sealed class YieldStretches
{
    private const double BucketUs = 0.05;
    private readonly long[] _counts = new long[2000];
    private double _squares;

    /// <summary>Time that all stretches took, in microseconds.</summary>
    public double TotalUs { get; private set; }

    public double LongestUs { get; private set; }

    /// <summary>
    /// Mean time to the next yield point: Σ length² / (2 Σ length), since an arrival falls into a long stretch more
    /// often.
    /// </summary>
    public double MeanWaitUs => TotalUs > 0 ? _squares / (2 * TotalUs) : 0;

    public void Add(double microseconds)
    {
        TotalUs += microseconds;
        _squares += microseconds * microseconds;
        LongestUs = Math.Max(LongestUs, microseconds);
        _counts[(int)Math.Clamp(microseconds / BucketUs, 0, _counts.Length - 1)]++;
    }

    public void Add(YieldStretches other)
    {
        TotalUs += other.TotalUs;
        _squares += other._squares;
        LongestUs = Math.Max(LongestUs, other.LongestUs);
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }

    /// <summary>
    /// The wait in microseconds that a share <paramref name="quantile"/> of arrivals do not exceed, to within a bucket
    /// of 0.05; at most 100.
    /// </summary>
    public double WaitQuantileUs(double quantile)
    {
        // Waits of more than t are the parts of stretches beyond t: how many are longer than t, summed over t.
        double beyond = 0, allowed = (1 - quantile) * TotalUs;
        long longer = 0;
        for (var i = _counts.Length - 1; i >= 0; i--)
        {
            beyond += (longer + _counts[i] / 2.0) * BucketUs;
            longer += _counts[i];
            if (longer > 0 && beyond >= allowed)
            {
                return i * BucketUs;
            }
        }

        return 0;
    }
}
