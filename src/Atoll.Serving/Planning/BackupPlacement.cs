namespace Atoll.Serving;

/// <summary>Gives sessions their ready copies: on devices in use with memory left, the least used first.</summary>
internal sealed class BackupPlacement(
    PlanRequest request, SharePlacement placement, DevicePool pool, PlanBuilder builder)
{
    public void Run()
    {
        foreach (var session in request.Sessions.Where(session => session.Backups > 0))
        {
            for (var number = 0; number < session.Backups; number++)
            {
                if (!TryPlace(session))
                {
                    builder.Explain(
                        $"{session.Name}: backup {number + 1} of {session.Backups} not placed: no memory left");
                    break;
                }
            }
        }
    }

    private bool TryPlace(SessionSpec session)
    {
        var load = new LoadShare(session, Math.Max(session.Rate, 1e-3) / 1000, Math.Max(session.Rate, 1e-3) / 1000);
        foreach (var device in pool.Used.OrderBy(device => device.Utilization))
        {
            if (!device.Holds(session) && device.Backups.TrueForAll(backup => backup.Session != session.Name) &&
                TryAdd(device, load))
            {
                return true;
            }
        }

        for (var kind = 0; kind < request.Devices.Count; kind++)
        {
            if (pool.Open(kind) is { } device)
            {
                if (TryAdd(device, load))
                {
                    return true;
                }

                pool.Release(device);
            }
        }

        return false;
    }

    private bool TryAdd(DeviceState device, LoadShare load)
    {
        var profile = placement.Profile(load.Session, device.KindIndex);
        var batch = profile?.LargestBatch(profile.ExecutionBudget(load.Session.Objective) / 2) ?? 0;
        if (profile is null || batch == 0 || !device.HasMemoryFor(profile.Memory(batch)))
        {
            return false;
        }

        device.Backups.Add(new PlannedSession
        {
            Session = load.Session.Name,
            Model = load.Session.Model,
            Batch = batch,
            Rate = 0,
            Objective = load.Session.Objective,
            Execution = profile.Latency(batch),
            MemoryBytes = profile.Memory(batch),
            IsBackup = true,
            Why = "backup: loaded, takes load when others cannot",
        });
        return true;
    }
}
