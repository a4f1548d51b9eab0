namespace Atoll.Serving;

/// <summary>A planner's plan for a load, stretched to all devices if wanted.</summary>
internal static class PlanFill
{
    /// <summary>A plan may take this much more than the fluid bound, whose batches run in half the objective.</summary>
    private const double BeyondFluid = 1.3;

    private const double Coarse = 0.9;

    private const double Fine = 0.99;

    private const double FactorMin = 1e-3;

    /// <summary>
    /// The plan at the load's rates; with <paramref name="fill"/> the plan at the largest multiple of them that the
    /// devices take, so that all help. Rates beyond the devices are scaled down, all alike.
    /// </summary>
    public static ServingPlan Plan(ClusterLoad load, PlanPolicy policy, bool fill)
    {
        var plan = At(load, policy, 1);
        var fits = plan.Unplaced.Count == 0;
        if (fits && !fill)
        {
            return plan;
        }

        var most = plan.FluidBound > 0 ? BeyondFluid * load.DeviceNames.Count / plan.FluidBound : 1;
        var coarse = Descend(load, policy, Math.Max(most, 1), Coarse, fits ? 1 : FactorMin);
        if (coarse is null && !fits)
        {
            // Some session fits nowhere at any rate: serve the others.
            return plan;
        }

        var floor = coarse?.Factor ?? 1;
        return Descend(load, policy, floor / Coarse * Fine, Fine, floor)?.Plan ?? coarse?.Plan ?? plan;
    }

    /// <summary>
    /// The first multiple that fits, stepping down. Not every multiple below one that fits does fit too, since batch
    /// sizes are whole, so a bisection would go astray.
    /// </summary>
    private static (double Factor, ServingPlan Plan)? Descend(
        ClusterLoad load, PlanPolicy policy, double from, double step, double above)
    {
        for (var factor = from; factor > above; factor *= step)
        {
            var plan = At(load, policy, factor);
            if (plan.Unplaced.Count == 0)
            {
                return (factor, plan);
            }
        }

        return null;
    }

    private static ServingPlan At(ClusterLoad load, PlanPolicy policy, double factor) =>
        ServingPlanner.Plan(load.Scaled(factor).Request, policy);
}
