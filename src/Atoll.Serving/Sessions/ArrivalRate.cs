namespace Atoll.Serving;

/// <summary>
/// Rows per second of a session: counted between two readings, smoothed over about ten seconds, with a short window
/// beside it that shows a change at once. Not thread-safe: guarded by the session's lock.
/// </summary>
internal sealed class ArrivalRate
{
    /// <summary>Time in which an old rate loses all but 1/e of its weight.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);

    /// <summary>Standard deviations that Poisson arrivals are granted.</summary>
    private const double Chance = 3;

    private long _requests;
    private long _count;
    private long _countAtReading;
    private TimeSpan _lastReading;
    private bool _hasReading;

    /// <summary>Smoothed rows per second; 0 before the first reading.</summary>
    public double Smoothed { get; private set; }

    /// <summary>Rows per second between the last two readings.</summary>
    public double Recent { get; private set; }

    /// <summary>Time of the first request; null before it.</summary>
    public TimeSpan? First { get; private set; }

    /// <summary>Rows that one request brings on average; 1 before the first.</summary>
    public double RowsEach => _requests > 0 ? (double)_count / _requests : 1;

    public void Count(TimeSpan now, int rows)
    {
        First ??= now;
        _requests++;
        _count += rows;
    }

    /// <summary>Takes a reading; the first one only begins the count.</summary>
    public void Read(TimeSpan now)
    {
        var elapsed = (now - _lastReading).TotalSeconds;
        if (_hasReading && elapsed > 0)
        {
            var before = Recent;
            Recent = (_count - _countAtReading) / elapsed;
            var weight = 1 - Math.Exp(-elapsed / Memory.TotalSeconds);
            Smoothed = Smoothed == 0 ? Recent : Smoothed + (weight * (Recent - Smoothed));
            var risen = Math.Min(before, Recent);
            if (risen > Smoothed + (Chance * Math.Sqrt(RowsEach * Math.Max(RowsEach, Smoothed * elapsed)) / elapsed))
            {
                // A rise that lasts two readings is no chance: it is not waited for.
                Smoothed = risen;
            }
        }

        (_hasReading, _lastReading, _countAtReading) = (true, now, _count);
    }
}
