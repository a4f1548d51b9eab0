namespace Atoll.Serving;

/// <summary>One stage of a <see cref="SimulatedPipeline"/>.</summary>
/// <param name="Session">The session that runs it; its objective is the stage's part of the budget.</param>
/// <param name="Parent">Index of the stage before it; -1 for the root.</param>
/// <param name="FanOut">Mean requests per request of the parent; drawn as a Poisson count unless whole.</param>
public sealed record SimulatedStage(string Session, int Parent, double FanOut);
