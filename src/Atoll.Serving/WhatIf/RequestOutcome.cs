namespace Atoll.Serving;

/// <summary>How a simulated request ended.</summary>
public enum RequestOutcome
{
    /// <summary>Answered within its objective.</summary>
    Good,

    /// <summary>Answered after its objective.</summary>
    Late,

    /// <summary>Given up by the dispatcher, or refused by a full queue.</summary>
    Dropped,
}
