namespace Atoll.Serving;

/// <summary>
/// What the user asks for: this model, every answer within the objective, at this many requests per second.
/// The same model with two objectives is two sessions.
/// </summary>
public sealed record SessionSpec(string Name, string Model, TimeSpan Objective, double Rate)
{
    /// <summary>Names of devices that must run the session, and only they may; empty: the planner chooses.</summary>
    public IReadOnlyList<string> Pinned { get; init; } = [];

    /// <summary>How many further devices hold a ready copy without planned load, for overflow and failure.</summary>
    public int Backups { get; init; }
}
