namespace Atoll.Serving;

/// <summary>How sessions are packed onto devices.</summary>
public enum PlanPolicy
{
    /// <summary>Multi-rate: every session keeps its own period, devices run by earliest deadline.</summary>
    Atoll,

    /// <summary>Squishy bin packing as the paper states it: one duty cycle per device.</summary>
    Nexus,

    /// <summary>What the released Nexus code does: online, session by session, largest batch.</summary>
    NexusCode,
}
