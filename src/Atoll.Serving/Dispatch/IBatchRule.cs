namespace Atoll.Serving;

/// <summary>
/// Which requests of a session's queue run together on a device that is free now, and which are given up. A rule is
/// deterministic, knows no clock and belongs to one queue.
/// </summary>
public interface IBatchRule
{
    /// <summary>Moves requests out of the queue into <paramref name="take"/>, which is cleared first.</summary>
    /// <param name="queue">Requests by deadline.</param>
    /// <param name="now">The time at which a batch would start.</param>
    /// <param name="profile">Planned latency per batch size on the device that is free.</param>
    /// <param name="take">The answer.</param>
    void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take);

    /// <summary>A batch that the rule took has run; rules that learn from it override this.</summary>
    void Observe(int batch, TimeSpan latency)
    {
    }
}
