namespace Atoll.Serving;

/// <summary>What a packed device looks like from outside.</summary>
internal static class DeviceReport
{
    public static DevicePlan Of(DeviceState device)
    {
        Span<BatchJob> jobs = stackalloc BatchJob[device.Shares.Count];
        for (var i = 0; i < jobs.Length; i++)
        {
            jobs[i] = device.Shares[i].Choice.Job;
        }

        var sessions = new List<PlannedSession>();
        for (var i = 0; i < jobs.Length; i++)
        {
            sessions.Add(Of(device.Shares[i], EarliestDeadline.WorstResponse(jobs, i)));
        }

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

    private static PlannedSession Of(PlacedShare share, double responseMs)
    {
        var choice = share.Choice;
        var session = share.Load.Session;
        var worst = Durations.FromMilliseconds(choice.GatherMs + responseMs) +
            share.Profile.Preprocessing + share.Profile.Postprocessing;
        return new PlannedSession
        {
            Session = session.Name,
            Model = session.Model,
            Batch = choice.Batch,
            Rate = share.Load.RatePerMs * 1000,
            Objective = session.Objective,
            Execution = share.Profile.Latency(choice.Batch),
            Period = Durations.FromMilliseconds(choice.Job.Period),
            WorstLatency = worst,
            Jitter = Durations.FromMilliseconds(share.Load.JitterMs),
            MemoryBytes = choice.MemoryBytes,
            Why = $"{share.Why}; gathers {PlanText.Ms(choice.GatherMs)}, done {PlanText.Ms(responseMs)} later at " +
                $"most, " +
                $"{PlanText.Part(choice.Job.Utilization)} of the device" +
                (share.Level > 0 ? $"; shortened from batch {share.Choices[0].Batch} so that no other is late" : ""),
        };
    }
}
