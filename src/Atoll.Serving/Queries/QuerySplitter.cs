namespace Atoll.Serving;

/// <summary>
/// Divides a query's objective among its stages so that they need the fewest devices:
/// minimise the sum of rate / throughput over stages, the budgets along every path adding up to the objective at most.
/// </summary>
public static class QuerySplitter
{
    /// <summary>
    /// Trees by the paper's dynamic program when <paramref name="steps"/> are given; everything else, and the default,
    /// by the exact convex search.
    /// </summary>
    /// <param name="query">The query.</param>
    /// <param name="profiles">Profiles of its models.</param>
    /// <param name="kinds">The kinds of device that may be used.</param>
    /// <param name="rule">What a budget pays for.</param>
    /// <param name="steps">Divide the objective into so many steps and use the tree program; 0: exact search.</param>
    /// <exception cref="ServingException">A model without profile, an objective too short (the message names the stages
    /// and their shortest times), or steps for a query that is not a tree.</exception>
    public static QuerySplit Split(
        Query query, ProfileTable profiles, IReadOnlyList<DeviceKind> kinds, BudgetRule rule = BudgetRule.Gathering,
        int steps = 0)
    {
        ArgumentNullException.ThrowIfNull(query);
        var options = StageOptions.Of(query, profiles, kinds, rule);
        CheckObjective(query, options);
        if (steps > 0 && !query.IsTree)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"query '{query.Name}' is not a tree: stages wait for several others");
        }

        var objective = query.Objective.TotalMilliseconds;
        if (steps > 0)
        {
            var chosen = TreeSplit.Solve(query, options, objective, steps);
            return chosen is null
                ? throw new ServingException(
                    ServingError.InvalidPlan,
                    $"query '{query.Name}': {steps} steps are too coarse for an objective of {PlanText.Ms(objective)}")
                : Result(query, options, chosen, double.NaN, $"tree program in {steps} steps");
        }

        var (exact, bound, nodes) = GraphSplit.Solve(query, options, objective);
        return Result(query, options, exact, bound, $"convex search, {nodes} relaxations");
    }

    private static QuerySplit Result(
        Query query, StageOption[][] options, int[] chosen, double bound, string why)
    {
        var picked = chosen.Select((choice, stage) => options[stage][choice]).ToArray();
        var devices = picked.Sum(option => option.Devices);
        var budgets = SlackShare.Extend(query, [.. picked.Select(option => option.BudgetMs)]);
        return new QuerySplit
        {
            Query = query,
            Devices = devices,
            LowerBound = double.IsNaN(bound) ? 0 : Math.Min(bound, devices),
            Why = why,
            Stages = [.. query.Stages.Select((stage, i) => new StageBudget(
                stage.Name, stage.Model, TimeSpan.FromTicks((long)(budgets[i] * TimeSpan.TicksPerMillisecond)),
                picked[i].Batch, query.Rates[i], picked[i].Devices))],
        };
    }

    private static void CheckObjective(Query query, StageOption[][] options)
    {
        var shortest = options.Select(stage => stage[0].BudgetMs).ToArray();
        var path = LongestPath(query, shortest, out var length);
        if (length > query.Objective.TotalMilliseconds + 1e-9)
        {
            var worst = path.MaxBy(stage => shortest[stage]);
            throw new ServingException(
                ServingError.InvalidPlan,
                $"query '{query.Name}': objective {PlanText.Ms(query.Objective.TotalMilliseconds)} is too short: " +
                $"{string.Join(" -> ", path.Select(stage => query.Stages[stage].Name))} takes {PlanText.Ms(length)} " +
                    $"at least, " +
                $"stage '{query.Stages[worst].Name}' alone {PlanText.Ms(shortest[worst])}");
        }
    }

    private static List<int> LongestPath(Query query, double[] times, out double length)
    {
        var end = new double[times.Length];
        var from = new int[times.Length];
        for (var i = 0; i < times.Length; i++)
        {
            from[i] = query.Before[i].Length == 0 ? -1 : query.Before[i].MaxBy(stage => end[stage]);
            end[i] = times[i] + (from[i] < 0 ? 0 : end[from[i]]);
        }

        var path = new List<int>();
        for (var stage = Array.IndexOf(end, end.Max()); stage >= 0; stage = from[stage])
        {
            path.Insert(0, stage);
        }

        length = end.Max();
        return path;
    }
}
