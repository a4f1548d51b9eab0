namespace Atoll.Serving;

/// <summary>What one device shall run. A device without sessions is not listed in a plan.</summary>
public sealed record DevicePlan
{
    /// <summary>The device's name, KIND-INDEX.</summary>
    public required string Device { get; init; }

    public required string Kind { get; init; }

    public required IReadOnlyList<PlannedSession> Sessions { get; init; }

    /// <summary>The duty cycle; in a multi-rate plan the longest period of its sessions.</summary>
    public required TimeSpan Cycle { get; init; }

    /// <summary>Part of the time that the device computes, 0 to 1.</summary>
    public required double Occupancy { get; init; }

    public long MemoryBytes { get; init; }
}
