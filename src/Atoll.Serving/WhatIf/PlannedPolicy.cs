namespace Atoll.Serving;

/// <summary>
/// A planner's devices as they are: one queue per session and device, arrivals divided by planned rates, devices going
/// round their sessions.
/// </summary>
/// <param name="name">What reports call it.</param>
/// <param name="policy">The planner.</param>
/// <param name="rule">From the planned batch and the session to the rule of a queue.</param>
internal sealed class PlannedPolicy(
    string name, PlanPolicy policy, Func<PlannedSession, IBatchRule> rule) : ISchedulingPolicy
{
    public string Name => name;

    public Func<SchedulingSetup> Plan(ClusterLoad load, bool fill)
    {
        var plan = PlanFill.Plan(load, policy, fill);
        var devices = load.DeviceNames.Index().ToDictionary(device => device.Item, device => device.Index);
        var sessions = load.Sessions.Index().ToDictionary(session => session.Item.Name, session => session.Index);
        return () => new(
            [.. from device in plan.Devices
                from planned in device.Sessions
                where !planned.IsBackup
                select Queue(load, planned, sessions[planned.Session], devices[device.Device])],
            new RoundRobinOrder(load.DeviceNames.Count));
    }

    private DispatchQueue Queue(ClusterLoad load, PlannedSession planned, int session, int device) =>
        new(session, [device], [load.Profile(session, device)!], rule(planned), SharedDevices.QueueCapacity)
        {
            Batch = planned.Batch,
            Weight = planned.Rate,
        };
}
