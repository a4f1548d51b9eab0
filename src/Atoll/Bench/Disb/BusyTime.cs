namespace Atoll;

/// <summary>How long a device was busy, from the spans of its launches.</summary>
internal static class BusyTime
{
    /// <summary>Length of the union of the spans: time at which several launches ran counts once.</summary>
    public static long Union(IEnumerable<(long Start, long End)> spans)
    {
        var (total, end) = (0L, long.MinValue);
        foreach (var span in spans.OrderBy(span => span.Start))
        {
            if (span.End > end)
            {
                total += span.End - Math.Max(span.Start, end);
                end = span.End;
            }
        }

        return total;
    }
}
