namespace Atoll.Serving;

/// <summary>
/// Which device runs which session with which batch. Immutable: the next plan replaces it as a whole.
/// </summary>
public sealed record ServingPlan
{
    public static readonly ServingPlan Empty = new() { Policy = PlanPolicy.Atoll, Devices = [] };

    public required PlanPolicy Policy { get; init; }

    /// <summary>The devices in use, in the order of their kinds and numbers.</summary>
    public required IReadOnlyList<DevicePlan> Devices { get; init; }

    /// <summary>
    /// Devices needed if work could be divided at will: sum over sessions of rate / best throughput at a batch that
    /// runs in half the objective, each session on its best kind of device.
    /// </summary>
    public double FluidBound { get; init; }

    /// <summary>Load that no device could take.</summary>
    public IReadOnlyList<UnplacedLoad> Unplaced { get; init; } = [];

    /// <summary>Sessions loaded on a device that did not hold them in the plan before.</summary>
    public int Moves { get; init; }

    /// <summary>Each choice in one line.</summary>
    public IReadOnlyList<string> Explanation { get; init; } = [];
}
