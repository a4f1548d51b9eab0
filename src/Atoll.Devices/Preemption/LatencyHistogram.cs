using System.Numerics;

namespace Atoll.Devices;

/// <summary>
/// Counts durations in logarithmic buckets (32 per octave, so a read-out is within 3.2 % of the true value) from 1 ns
/// to about 18 minutes. Recording is lock-free and allocates nothing; reading while others record is approximate.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBits = 5;
    private const int Octaves = 36;
    private readonly long[] _counts = new long[(Octaves + 1) << SubBits];
    private long _sum;
    private long _max;

    public long Count => _counts.Sum();

    public long MaxNanoseconds => Interlocked.Read(ref _max);

    public double MeanNanoseconds => Count is var count and > 0 ? (double)Interlocked.Read(ref _sum) / count : 0;

    public void Record(long nanoseconds)
    {
        var value = Math.Max(0, nanoseconds);
        Interlocked.Increment(ref _counts[IndexOf(value)]);
        Interlocked.Add(ref _sum, value);
        var max = Interlocked.Read(ref _max);
        while (value > max)
        {
            max = Interlocked.CompareExchange(ref _max, value, max) is var seen && seen == max ? value : seen;
        }
    }

    /// <summary>
    /// The duration in nanoseconds that a share <paramref name="quantile"/> (0 to 1) of the records do not exceed.
    /// </summary>
    public double Quantile(double quantile)
    {
        var total = Count;
        if (total == 0)
        {
            return 0;
        }

        var rank = Math.Max(1, (long)Math.Ceiling(quantile * total));
        long passed = 0;
        for (var index = 0; index < _counts.Length; index++)
        {
            passed += Interlocked.Read(ref _counts[index]);
            if (passed >= rank)
            {
                return Math.Min(UpperBound(index), MaxNanoseconds);
            }
        }

        return MaxNanoseconds;
    }

    /// <summary>Number of records of at most <paramref name="nanoseconds"/>, to within a bucket.</summary>
    public long CountUpTo(long nanoseconds)
    {
        long passed = 0;
        for (var index = 0; index < _counts.Length && UpperBound(index) <= nanoseconds; index++)
        {
            passed += Interlocked.Read(ref _counts[index]);
        }

        return passed;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Interlocked.Exchange(ref _sum, 0);
        Interlocked.Exchange(ref _max, 0);
    }

    private static int IndexOf(long value)
    {
        if (value < 1 << SubBits)
        {
            return (int)value;
        }

        var octave = BitOperations.Log2((ulong)value) - SubBits;
        var index = ((octave + 1) << SubBits) + (int)((value >> octave) & ((1 << SubBits) - 1));
        return Math.Min(index, ((Octaves + 1) << SubBits) - 1);
    }

    private static double UpperBound(int index)
    {
        var octave = (index >> SubBits) - 1;
        var sub = index & ((1 << SubBits) - 1);
        return octave < 0 ? sub : ((double)((1L << SubBits) + sub + 1) * (1L << octave)) - 1;
    }
}
