using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Joins blocks of one stream that follow each other on a unit, so that a page can draw them.</summary>
internal static class TimelineBars
{
    private const int MaxBars = 4000;

    /// <summary>
    /// Bars in no particular order; blocks closer than <paramref name="gap"/> ticks become one. The newest are kept.
    /// </summary>
    public static IReadOnlyList<TimelineSample> Merge(IReadOnlyList<TimelineSample> samples, long gap)
    {
        var bars = new List<TimelineSample>();
        foreach (var sample in samples.OrderBy(s => s.Unit).ThenBy(s => s.Start))
        {
            if (bars.Count > 0 && bars[^1] is var last && last.Unit == sample.Unit && last.Stream == sample.Stream &&
                last.Class == sample.Class && sample.Start - last.End <= gap)
            {
                bars[^1] = last with { End = long.Max(last.End, sample.End) };
            }
            else
            {
                bars.Add(sample);
            }
        }

        return bars.Count <= MaxBars
            ? bars
            : [.. bars.OrderBy(bar => bar.Start).TakeLast(MaxBars)];
    }
}
