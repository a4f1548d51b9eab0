namespace Atoll.Serving;

/// <summary>
/// The time-cost trade-off of a project (Fulkerson 1961; Kelley 1961): each stage's cost falls convexly with its time,
/// no path may take longer than the limit. Its dual is a flow: every stage is a pair of nodes joined by parallel arcs,
/// one per corner of the cost curve, whose length is the corner's time and whose capacities are the steps between
/// slopes. Flow is pushed along the longest residual path until that is within the limit; the node potentials then are
/// the stages' start and end times, and cost and flow prove each other optimal.
/// </summary>
internal sealed class TimeCostFlow
{
    private const double Epsilon = 1e-9;

    private readonly List<Arc> _arcs = [];
    private readonly int _nodes;

    private TimeCostFlow(Query query, StageOption[][] hulls)
    {
        _nodes = (2 * hulls.Length) + 2;
        for (var stage = 0; stage < hulls.Length; stage++)
        {
            var hull = hulls[stage];
            var used = 0.0;
            for (var corner = hull.Length - 1; corner >= 0; corner--)
            {
                // Up to this flow the stage prefers this corner: the slope to the next shorter one.
                var until = corner == 0
                    ? double.PositiveInfinity
                    : (hull[corner - 1].Devices - hull[corner].Devices) /
                        (hull[corner].BudgetMs - hull[corner - 1].BudgetMs);
                Add(2 * stage, (2 * stage) + 1, hull[corner].BudgetMs, until - used);
                used = until;
            }

            foreach (var next in query.After[stage])
            {
                Add((2 * stage) + 1, 2 * next, 0, double.PositiveInfinity);
            }

            if (query.Before[stage].Length == 0)
            {
                Add(Source, 2 * stage, 0, double.PositiveInfinity);
            }

            if (query.After[stage].Length == 0)
            {
                Add((2 * stage) + 1, Sink, 0, double.PositiveInfinity);
            }
        }
    }

    private int Source => _nodes - 2;

    private int Sink => _nodes - 1;

    /// <summary>The time of each stage and the least cost; null when even the shortest times are too long.</summary>
    public static (double[] Times, double Cost)? Solve(Query query, StageOption[][] hulls, double limitMs)
    {
        var flow = new TimeCostFlow(query, hulls);
        if (!flow.Push(limitMs))
        {
            return null;
        }

        // With flow the longest path takes exactly the limit (complementary slackness): an arc of that length says so.
        var pushed = flow._arcs.Any(arc => arc.From == flow.Source && arc.Flow > Epsilon);
        if (pushed)
        {
            flow.Add(flow.Source, flow.Sink, limitMs, double.PositiveInfinity);
        }

        var start = flow.Longest(out _);
        var times = new double[hulls.Length];
        var cost = 0.0;
        for (var stage = 0; stage < times.Length; stage++)
        {
            var hull = hulls[stage];
            times[stage] = Math.Clamp(start[(2 * stage) + 1] - start[2 * stage], hull[0].BudgetMs, hull[^1].BudgetMs);
            cost += CostAt(hull, times[stage]);
        }

        return (times, cost);
    }

    private static double CostAt(StageOption[] hull, double time)
    {
        var next = Array.FindIndex(hull, corner => corner.BudgetMs >= time - Epsilon);
        if (next <= 0)
        {
            return hull[Math.Max(0, next)].Devices;
        }

        var part = (time - hull[next - 1].BudgetMs) / (hull[next].BudgetMs - hull[next - 1].BudgetMs);
        return hull[next - 1].Devices + (part * (hull[next].Devices - hull[next - 1].Devices));
    }

    private void Add(int from, int to, double length, double capacity) =>
        _arcs.Add(new Arc { From = from, To = to, Length = length, Capacity = capacity });

    private bool Push(double limitMs)
    {
        while (true)
        {
            var length = Longest(out var by)[Sink];
            if (length <= limitMs + Epsilon)
            {
                return true;
            }

            var room = double.PositiveInfinity;
            for (var node = Sink; node != Source; node = by[node].Start)
            {
                room = Math.Min(room, by[node].Room);
            }

            if (double.IsPositiveInfinity(room))
            {
                return false;
            }

            for (var node = Sink; node != Source; node = by[node].Start)
            {
                by[node].Arc.Flow += by[node].Forward ? room : -room;
            }
        }
    }

    /// <summary>
    /// Longest distances from the source over arcs with room (Bellman-Ford; no cycle is longer than zero).
    /// </summary>
    private double[] Longest(out Step[] by)
    {
        var distance = new double[_nodes];
        Array.Fill(distance, double.NegativeInfinity);
        distance[Source] = 0;
        by = new Step[_nodes];
        var changed = true;
        for (var round = 0; changed && round <= _nodes; round++)
        {
            changed = false;
            foreach (var arc in _arcs)
            {
                changed |= Relax(distance, by, new Step(arc, true)) | Relax(distance, by, new Step(arc, false));
            }
        }

        return distance;
    }

    private static bool Relax(double[] distance, Step[] by, Step step)
    {
        if (step.Room <= Epsilon * Epsilon || distance[step.Start] + step.Length <= distance[step.End] + Epsilon)
        {
            return false;
        }

        distance[step.End] = distance[step.Start] + step.Length;
        by[step.End] = step;
        return true;
    }

    private sealed class Arc
    {
        public required int From { get; init; }

        public required int To { get; init; }

        public required double Length { get; init; }

        public required double Capacity { get; init; }

        public double Flow { get; set; }
    }

    private readonly record struct Step(Arc Arc, bool Forward)
    {
        public int Start => Forward ? Arc.From : Arc.To;

        public int End => Forward ? Arc.To : Arc.From;

        public double Length => Forward ? Arc.Length : -Arc.Length;

        public double Room => Forward ? Arc.Capacity - Arc.Flow : Arc.Flow;
    }
}
