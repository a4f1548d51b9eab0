namespace Atoll.Serving;

/// <summary>
/// A query as the simulation runs it: stages that are sessions, with the edges before each. The query is good when all
/// requests of all its stages end within its objective.
/// </summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Objective">From the query's arrival to the end of its last stage.</param>
/// <param name="Rate">Queries per second.</param>
/// <param name="Stages">Each after all that it depends on.</param>
public sealed record SimulatedPipeline(
    string Name, TimeSpan Objective, double Rate, IReadOnlyList<SimulatedStage> Stages)
{
    /// <summary>The pipeline of a query whose stages are the sessions that its split gives.</summary>
    public static SimulatedPipeline Of(QuerySplit split)
    {
        ArgumentNullException.ThrowIfNull(split);
        var query = split.Query;
        var index = query.Stages.Index().ToDictionary(stage => stage.Item.Name, stage => stage.Index);
        return new(query.Name, query.Objective, query.Rate, [.. query.Stages.Zip(split.ToSessions(), (stage, session) =>
            new SimulatedStage(session.Name, stage.Join, [.. query.Edges.Where(edge => edge.To == stage.Name)
                .Select(edge => new SimulatedEdge(index[edge.From], edge.Gamma, edge.Probability))]))]);
    }
}
