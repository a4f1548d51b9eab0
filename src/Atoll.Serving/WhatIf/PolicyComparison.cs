namespace Atoll.Serving;

/// <summary>Runs policies on the same load and the same arrivals.</summary>
public static class PolicyComparison
{
    /// <summary>Runs one policy at the load's own rates, and searches for the most it can carry.</summary>
    /// <param name="load">Sessions, rates and devices.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="options">Arrivals, duration, seed, epochs.</param>
    /// <param name="progress">Told, in words, of every run that ends.</param>
    public static PolicyResult Run(
        ClusterLoad load, ISchedulingPolicy policy, SimulationOptions options, Action<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(options);
        var outcome = ClusterSimulation.Run(load, policy, options);
        progress?.Invoke(FormattableString.Invariant(
            $"{policy.Name}: {outcome.Requests.GoodShare:P2} within objective at the given rates"));
        var maxRate = MaxRateSearch.Find(load, policy, options, (rate, share) => progress?.Invoke(
            FormattableString.Invariant($"{policy.Name}: {share:P2} at {rate:F0} requests/s")));
        return new(policy.Name, maxRate, outcome.Goodput, outcome.Requests.LateShare, outcome.Requests.DroppedShare,
            outcome.DevicesUsed, outcome);
    }
}
