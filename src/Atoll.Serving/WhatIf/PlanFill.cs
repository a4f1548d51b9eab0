namespace Atoll.Serving;

/// <summary>A planner's plan for a load, stretched to all devices if wanted.</summary>
internal static class PlanFill
{
    /// <summary>A plan may take this much more than the fluid bound, whose batches run in half the objective.</summary>
    private const double BeyondFluid = 1.3;

    private const double Step = 0.99;

    private const double FactorMin = 1e-3;

    /// <summary>The plan at the load's rates; with <paramref name="fill"/> the plan at the largest multiple of them that
    /// the devices take, so that all help. Rates beyond the devices are scaled down, all alike.</summary>
    public static ServingPlan Plan(ClusterLoad load, PlanPolicy policy, bool fill)
    {
        var plan = At(load, policy, 1);
        var fits = plan.Unplaced.Count == 0;
        if (fits && !fill)
        {
            return plan;
        }

        // Not every multiple below one that fits does fit too (batch sizes are whole), so the search steps downwards.
        var most = plan.FluidBound > 0 ? BeyondFluid * load.DeviceNames.Count / plan.FluidBound : 1;
        for (var factor = Math.Max(most, 1); factor > FactorMin; factor *= Step)
        {
            if (fits && factor <= 1)
            {
                return plan;
            }

            var stretched = At(load, policy, factor);
            if (stretched.Unplaced.Count == 0)
            {
                return stretched;
            }
        }

        // Some session fits nowhere at any rate: serve the others.
        return plan;
    }

    private static ServingPlan At(ClusterLoad load, PlanPolicy policy, double factor) =>
        ServingPlanner.Plan(load.Scaled(factor).Request, policy);
}
