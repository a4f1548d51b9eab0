namespace Atoll.Serving;

/// <summary>A session with its rate of now, and the part of that rate that was promised to it.</summary>
internal sealed record PlannedLoad(SessionSpec Session, double PromisedRate)
{
    /// <summary>Rows per second that every session is planned for, so that its first one finds a device.</summary>
    public const double LeastRate = 0.1;
}
