namespace Atoll.Serving;

/// <summary>
/// Time that no stage needs for its batch is given to the stages as room against bursts, in proportion to their
/// budgets, each getting as much as its fullest path leaves.
/// </summary>
internal static class SlackShare
{
    public static double[] Extend(Query query, double[] budgets)
    {
        var count = budgets.Length;
        var head = new double[count];
        var tail = new double[count];
        for (var i = 0; i < count; i++)
        {
            head[i] = budgets[i] + query.Before[i].Select(stage => head[stage]).DefaultIfEmpty(0).Max();
        }

        for (var i = count - 1; i >= 0; i--)
        {
            tail[i] = budgets[i] + query.After[i].Select(stage => tail[stage]).DefaultIfEmpty(0).Max();
        }

        // The longest path through a stage grows by the factor objective / length at most, and so does each part of it.
        var objective = query.Objective.TotalMilliseconds;
        return [.. budgets.Select((budget, i) => budget * Math.Max(1, objective / (head[i] + tail[i] - budget)))];
    }
}
