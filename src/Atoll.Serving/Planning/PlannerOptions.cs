namespace Atoll.Serving;

/// <summary>How far the planner may go; the defaults suit constant or Poisson load with early drop.</summary>
public sealed record PlannerOptions
{
    public static readonly PlannerOptions Default = new();

    /// <summary>No device that several sessions share is planned busier than this part of the time.</summary>
    public double MaxOccupancy { get; init; } = 1;

    /// <summary>
    /// True: the frontend can deal each device a whole batch of consecutive requests (or all devices of a session take
    /// batches from one queue), so a batch may gather at the rate of the whole session. False: requests are dealt one
    /// by one, and a batch gathers at the device's share of the rate.
    /// </summary>
    public bool DealWholeBatches { get; init; }

    /// <summary>
    /// A new plan is kept close to the one before while it needs at most this many times the devices of a plan from
    /// scratch.
    /// </summary>
    public double ReplanSlack { get; init; } = 1.1;

    /// <summary>Host and network time that the released Nexus code allows for; used by that policy only.</summary>
    public TimeSpan NetworkAllowance { get; init; } = TimeSpan.FromMilliseconds(2);
}
