namespace Atoll.Serving;

/// <summary>One stage of a <see cref="SimulatedPipeline"/>.</summary>
/// <param name="Session">The session that runs it; its objective is the stage's part of the budget.</param>
/// <param name="Join">When a stage with several edges before it fires.</param>
/// <param name="Before">None: the stage starts with the query.</param>
public sealed record SimulatedStage(string Session, StageJoin Join, IReadOnlyList<SimulatedEdge> Before);

/// <summary>Results of an earlier stage are inputs of this one.</summary>
/// <param name="From">Index of the earlier stage.</param>
/// <param name="Gamma">Mean inputs per result; a Poisson count unless whole.</param>
/// <param name="Probability">How often a result goes this way at all.</param>
public sealed record SimulatedEdge(int From, double Gamma, double Probability);
