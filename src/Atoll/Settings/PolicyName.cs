using Atoll.Devices;

namespace Atoll;

/// <summary>The order among streams of one class, as a setting names it.</summary>
internal enum PolicyName
{
    /// <summary>By priority number, then in turn; best-effort work that waited long goes first.</summary>
    Priority,

    /// <summary>Earliest deadline first; requests that would miss theirs are refused.</summary>
    Deadline,

    /// <summary>Equal shares of unit time.</summary>
    Fair,
}

/// <summary>Makes the policy that a name stands for.</summary>
internal static class PolicyNames
{
    public static IPolicy Create(this PolicyName name, TimeProvider clock) => name switch
    {
        PolicyName.Deadline => new EarliestDeadlinePolicy(),
        PolicyName.Fair => new FairPolicy(),
        _ => new PriorityPolicy(clock),
    };
}
