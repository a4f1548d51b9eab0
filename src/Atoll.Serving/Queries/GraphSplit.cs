namespace Atoll.Serving;

/// <summary>
/// Any graph without cycles, exactly. The lower convex hull of each stage's choices makes the problem a time-cost
/// trade-off with an exact answer (<see cref="TimeCostFlow"/>), which bounds every choice from below. Where the answer
/// falls between two choices of a stage, the search tries the shorter ones and the longer ones apart (branch and
/// bound).
/// </summary>
internal static class GraphSplit
{
    private const int MaxNodes = 4000;

    /// <summary>The choice of each stage, a lower bound of the cost, and how many relaxations were solved.</summary>
    public static (int[] Choices, double Bound, int Nodes) Solve(
        Query query, StageOption[][] options, double objectiveMs)
    {
        var open = new PriorityQueue<Branch, double>();
        var best = double.PositiveInfinity;
        int[]? chosen = null;
        var bound = double.PositiveInfinity;
        var root = new Branch([.. options.Select(_ => 0)], [.. options.Select(stage => stage.Length - 1)]);
        open.Enqueue(root, 0);
        var nodes = 0;
        while (open.TryDequeue(out var branch, out var lower))
        {
            if (lower >= best * (1 - 1e-12) || nodes == MaxNodes)
            {
                bound = Math.Min(bound, lower);
                break;
            }

            nodes++;
            if (Relax(query, options, branch, objectiveMs) is not { } relaxed || relaxed.Cost >= best * (1 - 1e-12))
            {
                continue;
            }

            var rounded = Round(query, options, branch, relaxed.Times, objectiveMs);
            var cost = rounded.Select((choice, stage) => options[stage][choice].Devices).Sum();
            if (cost < best)
            {
                (best, chosen) = (cost, rounded);
            }

            Split(options, branch, relaxed, open);
        }

        return (chosen ?? throw new InvalidOperationException("the objective was checked"), Math.Min(bound, best),
            nodes);
    }

    private static (double[] Times, double Cost)? Relax(
        Query query, StageOption[][] options, Branch branch, double objectiveMs)
    {
        var hulls = options.Select((stage, i) => Hull(stage.AsSpan(branch.First[i]..(branch.Last[i] + 1)))).ToArray();
        return TimeCostFlow.Solve(query, hulls, objectiveMs);
    }

    /// <summary>The corners of the lower convex hull, budget ascending.</summary>
    private static StageOption[] Hull(ReadOnlySpan<StageOption> options)
    {
        var hull = new List<StageOption>();
        foreach (var option in options)
        {
            while (hull.Count >= 2 && Slope(hull[^2], hull[^1]) >= Slope(hull[^1], option))
            {
                hull.RemoveAt(hull.Count - 1);
            }

            hull.Add(option);
        }

        return [.. hull];
    }

    private static double Slope(StageOption from, StageOption to) =>
        (to.Devices - from.Devices) / (to.BudgetMs - from.BudgetMs);

    /// <summary>The longest choices within the relaxed times, then longer ones while the longest path allows.</summary>
    private static int[] Round(
        Query query, StageOption[][] options, Branch branch, double[] times, double objectiveMs)
    {
        var choices = new int[options.Length];
        for (var stage = 0; stage < choices.Length; stage++)
        {
            choices[stage] = Math.Max(
                branch.First[stage],
                Array.FindLastIndex(options[stage], option => option.BudgetMs <= times[stage] + 1e-7));
        }

        while (true)
        {
            var best = -1;
            var gain = 0.0;
            for (var stage = 0; stage < choices.Length; stage++)
            {
                if (choices[stage] + 1 < options[stage].Length)
                {
                    var saved = options[stage][choices[stage]].Devices - options[stage][choices[stage] + 1].Devices;
                    choices[stage]++;
                    if (saved > gain && Length(query, options, choices) <= objectiveMs + 1e-7)
                    {
                        (best, gain) = (stage, saved);
                    }

                    choices[stage]--;
                }
            }

            if (best < 0)
            {
                return choices;
            }

            choices[best]++;
        }
    }

    private static double Length(Query query, StageOption[][] options, int[] choices)
    {
        var end = new double[choices.Length];
        for (var i = 0; i < end.Length; i++)
        {
            end[i] = options[i][choices[i]].BudgetMs + query.Before[i].Select(s => end[s]).DefaultIfEmpty(0).Max();
        }

        return end.Max();
    }

    /// <summary>
    /// Branches on the stage whose relaxed cost is furthest below its cheapest choice within the time.
    /// </summary>
    private static void Split(
        StageOption[][] options, Branch branch, (double[] Times, double Cost) relaxed, PriorityQueue<Branch,
            double> open)
    {
        var worst = -1;
        var gap = 1e-9;
        var at = 0;
        for (var stage = 0; stage < options.Length; stage++)
        {
            var choice = Math.Clamp(
                Array.FindLastIndex(options[stage], option => option.BudgetMs <= relaxed.Times[stage] + 1e-7),
                branch.First[stage], branch.Last[stage]);
            var between = Math.Min(
                relaxed.Times[stage] - options[stage][choice].BudgetMs,
                choice < branch.Last[stage] ? options[stage][choice + 1].BudgetMs - relaxed.Times[stage] : 0);
            if (between > gap)
            {
                (worst, gap, at) = (stage, between, choice);
            }
        }

        if (worst >= 0)
        {
            open.Enqueue(branch with { Last = Changed(branch.Last, worst, at) }, relaxed.Cost);
            open.Enqueue(branch with { First = Changed(branch.First, worst, at + 1) }, relaxed.Cost);
        }
    }

    private static int[] Changed(int[] values, int index, int value)
    {
        var copy = (int[])values.Clone();
        copy[index] = value;
        return copy;
    }

    /// <summary>The first and the last choice that each stage may still make.</summary>
    private sealed record Branch(int[] First, int[] Last);
}
