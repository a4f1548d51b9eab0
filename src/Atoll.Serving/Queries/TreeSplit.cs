namespace Atoll.Serving;

/// <summary>
/// The paper's dynamic program over a tree, time in equal steps:
/// f(u, t) = min over k &lt;= t of cost of u with k steps + sum over children c of f(c, t - k).
/// A leaf may use all that is left. Costs O(stages × steps²).
/// </summary>
internal static class TreeSplit
{
    /// <summary>The choice of each stage, or null when the steps are too coarse for any.</summary>
    public static int[]? Solve(Query query, StageOption[][] options, double objectiveMs, int steps)
    {
        var count = query.Stages.Count;
        var least = new double[count][];
        var taken = new int[count][];
        for (var stage = count - 1; stage >= 0; stage--)
        {
            var cost = Costs(options[stage], objectiveMs / steps, steps);
            least[stage] = new double[steps + 1];
            taken[stage] = new int[steps + 1];
            for (var t = 0; t <= steps; t++)
            {
                least[stage][t] = double.PositiveInfinity;
                for (var k = 0; k <= t; k++)
                {
                    var total = cost[k] + query.After[stage].Sum(child => least[child][t - k]);
                    if (total < least[stage][t])
                    {
                        (least[stage][t], taken[stage][t]) = (total, k);
                    }
                }
            }
        }

        return double.IsInfinity(least[0][steps]) ? null : Choices(query, options, taken, objectiveMs / steps, steps);
    }

    private static double[] Costs(StageOption[] options, double stepMs, int steps)
    {
        var cost = new double[steps + 1];
        for (var k = 0; k <= steps; k++)
        {
            var choice = Within(options, k * stepMs);
            cost[k] = choice < 0 ? double.PositiveInfinity : options[choice].Devices;
        }

        return cost;
    }

    private static int Within(StageOption[] options, double budgetMs) =>
        Array.FindLastIndex(options, option => option.BudgetMs <= budgetMs + 1e-9);

    /// <summary>Stages come after the one before them, so a pass in order knows what is left of the steps.</summary>
    private static int[] Choices(Query query, StageOption[][] options, int[][] taken, double stepMs, int steps)
    {
        var choices = new int[options.Length];
        var left = new int[options.Length];
        for (var stage = 0; stage < choices.Length; stage++)
        {
            var before = query.Before[stage];
            left[stage] = before.Length == 0 ? steps : left[before[0]] - taken[before[0]][left[before[0]]];
            choices[stage] = Within(options[stage], taken[stage][left[stage]] * stepMs);
        }

        return choices;
    }
}
