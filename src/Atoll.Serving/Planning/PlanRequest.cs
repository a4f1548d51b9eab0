namespace Atoll.Serving;

/// <summary>All that a plan is computed from.</summary>
public sealed record PlanRequest
{
    public required IReadOnlyList<DeviceKind> Devices { get; init; }

    /// <summary>Profiles by model and kind of device; a profile whose device is "*" holds for every kind.</summary>
    public required IReadOnlyList<BatchProfile> Profiles { get; init; }

    public required IReadOnlyList<SessionSpec> Sessions { get; init; }

    /// <summary>How models that are too large for a device may be cut.</summary>
    public IReadOnlyList<ModelPartition> Partitions { get; init; } = [];

    /// <summary>The plan in force; the new one then moves as few sessions as it can.</summary>
    public ServingPlan? Previous { get; init; }

    public PlannerOptions Options { get; init; } = PlannerOptions.Default;
}
