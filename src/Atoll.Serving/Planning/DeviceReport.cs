namespace Atoll.Serving;

/// <summary>What a packed device looks like from outside.</summary>
internal static class DeviceReport
{
    public static DevicePlan Of(DeviceState device)
    {
        var sessions = device.Shares.Select((share, i) => Of(share, WorstMs(device.Shares, i))).ToList();
        sessions.AddRange(device.Backups);
        return new DevicePlan
        {
            Device = device.Name,
            Kind = device.Kind.Name,
            Cycle = sessions.Max(session => session.Period),
            Occupancy = device.Utilization,
            MemoryBytes = device.MemoryBytes,
            Sessions = sessions,
        };
    }

    private static double WorstMs(IReadOnlyList<PlacedShare> shares, int index) =>
        double.IsNaN(shares[index].Slot.StartMs) ? DeadlineSchedule.WorstMs(shares, index) : shares[index].Slot.WorstMs;

    private static PlannedSession Of(PlacedShare share, double worstMs)
    {
        var slot = share.Slot;
        var session = share.Load.Session;
        var isTable = !double.IsNaN(slot.StartMs);
        return new PlannedSession
        {
            Session = session.Name,
            Model = session.Model,
            Batch = slot.Batch,
            Rate = share.Load.RatePerMs * 1000,
            Objective = session.Objective,
            Execution = share.Profile.Latency(slot.Batch),
            Period = Durations.FromMilliseconds(slot.PeriodMs),
            Start = isTable ? Durations.FromMilliseconds(slot.StartMs) : null,
            WorstLatency = Durations.FromMilliseconds(worstMs) +
                share.Profile.Preprocessing + share.Profile.Postprocessing,
            Jitter = Durations.FromMilliseconds(share.Load.JitterMs),
            Run = Math.Max(1, share.Load.Run),
            MemoryBytes = slot.MemoryBytes,
            Why = $"{share.Why}; {(isTable ? "in a table" : "by earliest deadline")} every " +
                $"{PlanText.Ms(slot.PeriodMs)}, " +
                $"answered in {PlanText.Ms(worstMs)}, {PlanText.Part(slot.Utilization)} of the device " +
                $"({PlanText.Part(share.LeastUtilization)} if alone)",
        };
    }
}
