namespace Atoll.Serving;

/// <summary>Puts a <see cref="Query"/> together: stages, then the edges between them, in any order.</summary>
public sealed class QueryBuilder(string name, TimeSpan objective, double rate)
{
    /// <summary>No query has more stages.</summary>
    public const int MaxStages = 64;

    private readonly List<QueryStage> _stages = [];
    private readonly List<QueryEdge> _edges = [];

    public QueryBuilder Stage(string stage, string model, StageJoin join = StageJoin.All)
    {
        _stages.Add(new QueryStage(stage, model, join));
        return this;
    }

    public QueryBuilder Edge(string from, string to, double gamma = 1, double probability = 1, string? crops = null)
    {
        _edges.Add(new QueryEdge(from, to, gamma, probability) { Crops = crops });
        return this;
    }

    /// <exception cref="ServingException">No stage, a name twice, an unknown stage, a cycle, a number out of range.
    /// </exception>
    public Query Build()
    {
        Require(_stages.Count is > 0 and <= MaxStages, $"has {_stages.Count} stages (1 to {MaxStages})");
        Require(objective > TimeSpan.Zero, $"has an objective of {objective.TotalMilliseconds} ms, not above zero");
        Require(double.IsFinite(rate) && rate is >= 0 and <= 1e9, $"has rate {rate}, not within 0 and 1e9");
        var twice = _stages.GroupBy(stage => stage.Name).FirstOrDefault(group => group.Count() > 1);
        Require(twice is null, $"has stage '{twice?.Key}' twice");
        foreach (var edge in _edges)
        {
            CheckEdge(edge);
        }

        return new Query(name, objective, rate, InOrder(), [.. _edges]);
    }

    private void CheckEdge(QueryEdge edge)
    {
        foreach (var end in new[] { edge.From, edge.To })
        {
            Require(
                _stages.Exists(stage => stage.Name == end),
                $"has an edge {edge.From} -> {edge.To}, but no stage '{end}'");
        }

        Require(
            _edges.Count(other => other.From == edge.From && other.To == edge.To) == 1,
            $"has the edge {edge.From} -> {edge.To} twice");
        Require(edge.Gamma is > 0 and <= 1e6, $"edge {edge.From} -> {edge.To}: gamma {edge.Gamma} is not above 0");
        Require(
            edge.Probability is > 0 and <= 1,
            $"edge {edge.From} -> {edge.To}: probability {edge.Probability} is not above 0 and up to 1");
    }

    private List<QueryStage> InOrder()
    {
        var ordered = new List<QueryStage>();
        var left = _stages.ToList();
        while (left.Count > 0)
        {
            var ready = left.Find(stage => !_edges.Exists(
                edge => edge.To == stage.Name && left.Exists(other => other.Name == edge.From)));
            if (ready is null)
            {
                throw Error($"has a cycle: {Cycle(left)}");
            }

            ordered.Add(ready);
            left.Remove(ready);
        }

        return ordered;
    }

    /// <summary>Every stage left has one before it that is left too: going back must come round.</summary>
    private string Cycle(List<QueryStage> left)
    {
        var path = new List<string> { left[0].Name };
        while (true)
        {
            var before = _edges.First(
                edge => edge.To == path[^1] && left.Exists(stage => stage.Name == edge.From)).From;
            var start = path.IndexOf(before);
            path.Add(before);
            if (start >= 0)
            {
                return string.Join(" -> ", Enumerable.Reverse(path[start..]));
            }
        }
    }

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw Error(what);
        }
    }

    private ServingException Error(string what) => new(ServingError.InvalidPlan, $"query '{name}' {what}");
}
