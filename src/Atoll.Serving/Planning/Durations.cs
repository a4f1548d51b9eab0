namespace Atoll.Serving;

/// <summary>Milliseconds with fractions to and from <see cref="TimeSpan"/>, rounded to its 100 ns.</summary>
internal static class Durations
{
    public static TimeSpan FromMilliseconds(double milliseconds) =>
        TimeSpan.FromTicks((long)Math.Round(milliseconds * TimeSpan.TicksPerMillisecond));

    public static TimeSpan FromMicroseconds(double microseconds) =>
        TimeSpan.FromTicks((long)Math.Round(microseconds * TimeSpan.TicksPerMicrosecond));

    public static TimeSpan Scale(TimeSpan time, double factor) =>
        TimeSpan.FromTicks((long)Math.Round(time.Ticks * factor));
}
