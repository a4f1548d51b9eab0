namespace Atoll.Serving;

/// <summary>
/// Ours: partitions of devices by plan, within each one queue per session that all its devices take from, the batch that
/// must start first, early drop that lets batches grow, and deferral while it costs nobody a device.
/// </summary>
public sealed class AtollPolicy : ISchedulingPolicy
{
    /// <summary>A deferred batch starts this part of its objective before the last moment.</summary>
    private const double DeferralMargin = 0.03;

    /// <summary>After a loss nobody defers for this many objectives.</summary>
    private const double DeferralPause = 20;

    public string Name => "atoll";

    public Func<SchedulingSetup> Plan(ClusterLoad load, bool fill)
    {
        ArgumentNullException.ThrowIfNull(load);
        var shares = Shares(load, fill);
        return () => new(
            [.. shares.Select(share => Queue(load, share))],
            new EarliestStartOrder());
    }

    /// <summary>Partitions of the devices of each kind. With several kinds the planner first divides every session's
    /// rate among them.</summary>
    private static List<DeviceShare> Shares(ClusterLoad load, bool fill)
    {
        var kinds = load.Request.Devices;
        var rates = kinds.Count == 1 ? [load.Sessions.ToDictionary(session => session.Name, session => session.Rate)]
            : RatesByKind(load, fill);
        var shares = new List<DeviceShare>();
        var first = 0;
        for (var kind = 0; kind < kinds.Count; first += kinds[kind].Count, kind++)
        {
            var (own, start) = (rates[kind], first);
            int[] active = kinds[kind].Count == 0 ? [] : [.. Enumerable.Range(0, load.Sessions.Count).Where(i =>
                own.GetValueOrDefault(load.Sessions[i].Name) > 0 && load.Profile(i, start) is not null)];
            if (active.Length > 0)
            {
                var planner = new PartitionPlanner(
                    [.. active.Select(i => load.Sessions[i] with { Rate = own[load.Sessions[i].Name] })],
                    [.. active.Select(i => load.Profile(i, start)!)], kinds[kind].Count, kinds[kind].MemoryBytes);
                shares.AddRange(
                    from partition in planner.Plan(fill)
                    from part in partition.Sessions.Zip(partition.Batches)
                    let session = active[part.First]
                    select new DeviceShare(session, own[load.Sessions[session].Name], part.Second,
                        [.. partition.Devices.Concat(partition.Overflow).Select(device => start + device)]));
            }
        }

        return shares;
    }

    private static Dictionary<string, double>[] RatesByKind(ClusterLoad load, bool fill)
    {
        var plan = PlanFill.Plan(load, PlanPolicy.Atoll, fill);
        return [.. load.Request.Devices.Select(kind => plan.Devices
            .Where(device => device.Kind == kind.Name)
            .SelectMany(device => device.Sessions)
            .GroupBy(session => session.Session)
            .ToDictionary(session => session.Key, session => session.Sum(part => part.Rate)))];
    }

    private static DispatchQueue Queue(ClusterLoad load, DeviceShare share)
    {
        var session = load.Sessions[share.Session];
        var devices = session.Pinned.Count > 0 ? SharedDevices.Of(load, share.Session) : share.Devices;
        var window = SharedDevices.HalfObjectiveBatch(load, share.Session, devices[0]);
        return new(share.Session, devices, [.. devices.Select(device => load.Profile(share.Session, device)!)],
            new GrowingWindowRule(window, Math.Max(window, share.Batch)), SharedDevices.QueueCapacity)
        {
            Deferral = new DeferredRule(BatchProfile.BatchLimit, session.Objective * DeferralMargin),
            DeferralMargin = session.Objective * DeferralMargin,
            DeferralPause = session.Objective * DeferralPause,
            Batch = window,
            Weight = share.Rate,
        };
    }

    /// <summary>The devices, preferred first, that take this part of a session's rate.</summary>
    private sealed record DeviceShare(int Session, double Rate, int Batch, IReadOnlyList<int> Devices);
}
