namespace Atoll.Serving.Tests;

/// <summary>What every plan owes, whoever made it.</summary>
internal static class PlanAssert
{
    /// <summary>Each session's rate is planned or named as unplaced; no device holds a session twice or exceeds its
    /// memory.
    /// </summary>
    public static void Covers(PlanRequest request, ServingPlan plan, int seed)
    {
        foreach (var session in request.Sessions)
        {
            var planned =
                plan.Devices.SelectMany(d => d.Sessions).Where(s => s.Session == session.Name).Sum(s => s.Rate);
            var unplaced = plan.Unplaced.Where(u => u.Session == session.Name).Sum(u => u.Rate);
            Assert.True(
                Math.Abs(planned + unplaced - session.Rate) <= 1e-6 * Math.Max(1, session.Rate),
                $"seed {seed}: {session.Name} wants {session.Rate}, planned {planned}, unplaced {unplaced}");
        }

        Assert.Equal(plan.Devices.Count, plan.Devices.Select(d => d.Device).Distinct().Count());
        foreach (var device in plan.Devices)
        {
            Assert.Equal(device.Sessions.Count, device.Sessions.Select(s => s.Session).Distinct().Count());
            var limit = request.Devices.Single(kind => kind.Name == device.Kind).MemoryBytes;
            Assert.True(limit == 0 || device.MemoryBytes <= limit, $"seed {seed}: {device.Device} exceeds its memory");
        }
    }
}
