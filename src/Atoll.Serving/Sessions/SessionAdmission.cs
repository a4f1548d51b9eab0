using System.Globalization;

namespace Atoll.Serving;

/// <summary>
/// Refuses at the door what is sure to miss its deadline, with a reason, so that the client can go elsewhere at once.
/// Only a certain miss is refused: every device of the session is taken to be free for it alone.
/// </summary>
internal static class SessionAdmission
{
    /// <summary>Null when the request may wait; else why it may not.</summary>
    public static string? WhyNot(
        LiveSession session, LaneSeat[] seats, (TimeSpan Now, TimeSpan Deadline) times, (int Own, int Waiting) rows)
    {
        var waiting = rows.Waiting;
        foreach (var seat in seats)
        {
            // Who shares batches shares the wait.
            waiting = Math.Max(waiting, seat.Group.Waiting);
        }

        var left = times.Deadline - times.Now;
        if (left <= TimeSpan.Zero)
        {
            return "the deadline has passed";
        }

        if (seats.Length == 0)
        {
            return session.OnUnserved is null
                ? $"no device serves session '{session.Name}'{(session.Shortage is { } why ? $": {why}" : "")}"
                : null;
        }

        var alone = TimeSpan.MaxValue;
        var perSecond = 0.0;
        foreach (var seat in seats)
        {
            var profile = seat.Profile.ForDispatch;
            var own = profile.LatencyOf(rows.Own);
            alone = own < alone ? own : alone;
            perSecond += profile.Throughput(profile.BestThroughputBatch(TimeSpan.MaxValue));
        }

        if (alone > left)
        {
            return $"alone it takes {Ms(alone)} ms, and {Ms(left)} ms are left";
        }

        if (TimeSpan.FromSeconds(waiting / perSecond) + alone <= left)
        {
            return null;
        }

        // What waits is taken by deadline: only that with no later one is in the way.
        var ahead = session.Queue.RowsUntil(times.Deadline);
        var others = 0;
        foreach (var seat in seats)
        {
            others = Math.Max(others, seat.Group.OthersUntil(session, times.Deadline));
        }

        var wait = TimeSpan.FromSeconds((ahead + others) / perSecond);
        return wait + alone > left
            ? $"{ahead + others} rows wait for session '{session.Name}' with earlier deadlines and take {Ms(wait)} " +
              $"ms at best; {Ms(left)} ms are left{(session.Shortage is { } shortage ? $"; {shortage}" : "")}"
            : null;
    }

    private static string Ms(TimeSpan time) => time.TotalMilliseconds.ToString("0.#", CultureInfo.InvariantCulture);
}
