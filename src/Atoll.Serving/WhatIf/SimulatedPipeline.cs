namespace Atoll.Serving;

/// <summary>
/// A query pipeline: a graph of sessions. A stage starts when a stage before it has ended, so many times as its edge
/// fans out; the query is good when every request of every stage ends within the query's objective.
/// </summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Objective">From the query's arrival to the end of its last stage.</param>
/// <param name="Rate">Queries per second.</param>
/// <param name="Stages">In an order in which every stage comes after those before it; the first is the root.</param>
public sealed record SimulatedPipeline(
    string Name, TimeSpan Objective, double Rate, IReadOnlyList<SimulatedStage> Stages);
