namespace Atoll.Serving;

/// <summary>A planner's plan for a load, stretched to all devices if wanted.</summary>
internal static class PlanFill
{
    private const double Precision = 0.002;

    private const double FactorMax = 1 << 20;

    /// <summary>The plan at the load's rates; with <paramref name="fill"/> the plan at the largest multiple of them that
    /// the devices take, so that all help. Rates beyond the devices are scaled down, all alike.</summary>
    public static ServingPlan Plan(ClusterLoad load, PlanPolicy policy, bool fill)
    {
        var plan = At(load, policy, 1);
        if (plan.Unplaced.Count == 0 && !fill)
        {
            return plan;
        }

        var (low, high) = (0.0, 1.0);
        if (plan.Unplaced.Count > 0)
        {
            for (low = 0.5; At(load, policy, low).Unplaced.Count > 0; low /= 2)
            {
                if (low < 1 / FactorMax)
                {
                    // Some session fits nowhere at any rate: serve the others.
                    return plan;
                }
            }

            high = 2 * low;
        }

        while (high < FactorMax && At(load, policy, high).Unplaced.Count == 0)
        {
            (low, high) = (high, 2 * high);
        }

        while (high - low > Precision * low)
        {
            var middle = (low + high) / 2;
            (low, high) = At(load, policy, middle).Unplaced.Count == 0 ? (middle, high) : (low, middle);
        }

        return At(load, policy, low);
    }

    private static ServingPlan At(ClusterLoad load, PlanPolicy policy, double factor) =>
        ServingPlanner.Plan(load.Scaled(factor).Request, policy);
}
