namespace Atoll.Serving;

/// <summary>
/// What a session was planned for and what came in the last tick, in rows per second, and the rows of one request.
/// </summary>
internal readonly record struct SessionLoad(double Planned, double Recent, double RowsEach = 1);

/// <summary>
/// Says when to plan anew: at the end of an epoch, or early when a session's load leaves what was planned for it. A
/// change must last two ticks and exceed what Poisson arrivals do by chance, so that noise moves nothing. Pure.
/// </summary>
internal sealed class EpochTrigger(SessionDirectorOptions options)
{
    /// <summary>Load beyond this multiple of the planned one is a change (Nexus: 1.1).</summary>
    private const double Above = 1.1;

    /// <summary>Ticks in a row that a change must last.</summary>
    private const int Ticks = 2;

    /// <summary>Standard deviations that chance is granted.</summary>
    private const double Chance = 3;

    private TimeSpan _plannedAt;
    private int _changed;

    /// <summary>Whether to plan now; the caller does so and calls <see cref="Planned"/>.</summary>
    public bool IsDue(TimeSpan now, IReadOnlyList<SessionLoad> loads)
    {
        _changed = loads.Any(IsBeyond) ? _changed + 1 : 0;
        var since = now - _plannedAt;
        return since >= options.Epoch || (_changed >= Ticks && since >= options.EpochLeast);
    }

    public void Planned(TimeSpan now)
    {
        _plannedAt = now;
        _changed = 0;
    }

    private bool IsBeyond(SessionLoad load)
    {
        var expected = load.Planned * options.Tick.TotalSeconds;
        var bound = (Above * expected) + (Chance * Math.Sqrt(load.RowsEach * Math.Max(load.RowsEach, expected)));
        return load.Recent * options.Tick.TotalSeconds > bound;
    }
}
