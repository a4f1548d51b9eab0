namespace Atoll.Serving;

/// <summary>
/// Arrivals at recorded times, stretched so that their mean rate is the session's, and repeated when they end.
/// </summary>
internal sealed class TraceArrivals : IArrivals
{
    private readonly IReadOnlyList<TimeSpan> _times;
    private readonly double _stretch;
    private readonly double _span;
    private int _next;
    private double _round;

    /// <param name="times">At least two times, ascending.</param>
    /// <param name="rate">Mean arrivals per second.</param>
    public TraceArrivals(IReadOnlyList<TimeSpan> times, double rate)
    {
        if (times.Count < 2 || times[^1] <= times[0])
        {
            throw new ServingException(ServingError.InvalidPlan, "arrivals: a trace needs two different times");
        }

        _times = times;
        // One mean gap lies between the last time and the first of the next round.
        _span = (times[^1] - times[0]).TotalSeconds * times.Count / (times.Count - 1);
        _stretch = times.Count / _span / rate;
    }

    public TimeSpan Next()
    {
        var at = ((_times[_next] - _times[0]).TotalSeconds + (_round * _span)) * _stretch;
        if (++_next == _times.Count)
        {
            _next = 0;
            _round++;
        }

        return TimeSpan.FromTicks((long)(at * TimeSpan.TicksPerSecond));
    }
}
