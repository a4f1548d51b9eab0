namespace Atoll.Serving;

/// <summary>
/// Devices needed if work could be divided at will. Each request may just miss a batch and wait for it, so a batch runs
/// in half the objective at most; a session then needs at least rate / best throughput of such a batch. No plan that
/// deals requests one by one uses fewer devices.
/// </summary>
public static class FluidBound
{
    /// <summary>The bound for sessions on these kinds of device, each session on the kind that suits it best.</summary>
    /// <returns>A number of devices; sessions that no kind can run in time count as nothing.</returns>
    public static double Of(
        IReadOnlyList<SessionSpec> sessions, ProfileTable profiles, IReadOnlyList<DeviceKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(sessions);
        ArgumentNullException.ThrowIfNull(kinds);
        return sessions.Sum(session => kinds.Select(kind => Of(session, profiles.Find(session.Model, kind.Name), kind))
            .DefaultIfEmpty(0).Where(bound => bound > 0).DefaultIfEmpty(0).Min());
    }

    private static double Of(SessionSpec session, BatchProfile? profile, DeviceKind kind)
    {
        if (profile is null)
        {
            return 0;
        }

        var budget = profile.ExecutionBudget(session.Objective);
        var batch = profile.BestThroughputBatch(budget / 2, MemoryLimit.Of(kind));
        if (batch > 0)
        {
            return session.Rate / profile.Throughput(batch);
        }

        // No batch runs in half the objective: only single requests that wait for nothing can be in time.
        var single = profile.Fit(1);
        return profile.Latency(single) <= budget ? session.Rate * profile.Latency(single).TotalSeconds : 0;
    }
}
