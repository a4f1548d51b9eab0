namespace Atoll.Serving;

/// <summary>
/// Decides which device runs which session with which batch. A pure function: the same request gives the same plan.
/// </summary>
public static class ServingPlanner
{
    /// <exception cref="ServingException">The request contradicts itself; the message names the session or model.
    /// </exception>
    public static ServingPlan Plan(PlanRequest request, PlanPolicy policy = PlanPolicy.Atoll)
    {
        ArgumentNullException.ThrowIfNull(request);
        PlanRequestCheck.Check(request);
        return policy switch
        {
            PlanPolicy.Nexus => new NexusPlanner(request).Plan(),
            PlanPolicy.NexusCode => new NexusCodePlanner(request).Plan(),
            PlanPolicy.Atoll => MultiRatePlanner.Plan(request),
            _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "unknown policy"),
        };
    }
}
