namespace Atoll.Serving;

/// <summary>Requests per second of a session that the plan does not cover, and why.</summary>
public sealed record UnplacedLoad(string Session, double Rate, string Reason);
