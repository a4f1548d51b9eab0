namespace Atoll.Serving;

/// <summary>How much a new plan disturbs the one in force.</summary>
internal static class PlanMoves
{
    /// <summary>Sessions that a device must load now and did not hold before.</summary>
    public static int Count(ServingPlan previous, IReadOnlyList<DevicePlan> devices)
    {
        var held = previous.Devices
            .SelectMany(device => device.Sessions.Select(session => (device.Device, session.Session))).ToHashSet();
        return devices.Sum(device => device.Sessions.Count(s => !held.Contains((device.Device, s.Session))));
    }
}
