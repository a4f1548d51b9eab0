namespace Atoll.Serving;

/// <summary>The last 512 durations, for the percentiles of the live page. Thread-safe.</summary>
internal sealed class RecentLatencies
{
    private const int Size = 512;
    private readonly Lock _lock = new();
    private readonly float[] _ms = new float[Size];
    private long _added;

    public void Add(TimeSpan duration)
    {
        lock (_lock)
        {
            _ms[_added++ % Size] = (float)duration.TotalMilliseconds;
        }
    }

    /// <summary>Median, 99th percentile in milliseconds, and how many there are; zeros when there are none.</summary>
    public (float P50Ms, float P99Ms, int Count) Percentiles()
    {
        Span<float> sorted = stackalloc float[Size];
        lock (_lock)
        {
            sorted = sorted[..(int)long.Min(_added, Size)];
            _ms.AsSpan(0, sorted.Length).CopyTo(sorted);
        }

        if (sorted.IsEmpty)
        {
            return default;
        }

        sorted.Sort();
        return (sorted[sorted.Length / 2], sorted[(int)((sorted.Length - 1) * 0.99)], sorted.Length);
    }
}
