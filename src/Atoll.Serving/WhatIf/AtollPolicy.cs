namespace Atoll.Serving;

/// <summary>
/// Ours: partitions of devices by plan, within each one queue per session that all its devices take from, the batch
/// that must start first, early drop that lets batches grow, and deferral while it costs nobody a device.
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
        if (shares.DistinctBy(share => share.Session).Count() < load.Sessions.Count(session => session.Rate > 0))
        {
            // Some session fits no partition (memory, mostly): the packing planner finds a place for what can be
            // placed.
            shares = PackedShares(load, fill);
        }

        return () => new(
            [.. shares.Select(share => Queue(load, share))],
            new EarliestStartOrder());
    }

    /// <summary>
    /// Partitions of the devices of each kind. With several kinds the planner first divides every session's rate among
    /// them.
    /// </summary>
    private static List<DeviceShare> Shares(ClusterLoad load, bool fill)
    {
        var kinds = load.Request.Devices;
        var rates = kinds.Count == 1 ? [load.Sessions.ToDictionary(session => session.Name, session => session.Rate)]
            : RatesByKind(load, fill);
        var shares = new List<DeviceShare>();
        var first = 0;
        for (var kind = 0; kind < kinds.Count; first += kinds[kind].Count, kind++)
        {
            shares.AddRange(KindShares(load, kinds[kind], first, rates[kind], fill));
        }

        return shares;
    }

    private static IEnumerable<DeviceShare> KindShares(
        ClusterLoad load, DeviceKind kind, int first, Dictionary<string, double> rates, bool fill)
    {
        int[] active = kind.Count == 0 ? [] : [.. Enumerable.Range(0, load.Sessions.Count).Where(i =>
            rates.GetValueOrDefault(load.Sessions[i].Name) > 0 && load.Profile(i, first) is not null)];
        if (active.Length == 0)
        {
            return [];
        }

        var planner = new PartitionPlanner(
            [.. active.Select(i => load.Sessions[i] with { Rate = rates[load.Sessions[i].Name] })],
            [.. active.Select(i => load.Profile(i, first)!)], kind.Count, kind.MemoryBytes);
        return
            from partition in planner.Plan(fill)
            from part in partition.Sessions.Zip(partition.Batches)
            let session = active[part.First]
            select new DeviceShare(session, rates[load.Sessions[session].Name], part.Second,
                [.. partition.Devices.Concat(partition.Overflow).Select(device => first + device)]);
    }

    /// <summary>The packing planner's devices; those that run the same sessions share their queues.</summary>
    private static List<DeviceShare> PackedShares(ClusterLoad load, bool fill)
    {
        var devices = load.DeviceNames.Index().ToDictionary(device => device.Item, device => device.Index);
        var sessions = load.Sessions.Index().ToDictionary(session => session.Item.Name, session => session.Index);
        return [..
            from device in PlanFill.Plan(load, PlanPolicy.Atoll, fill).Devices
            group device by string.Join('\n', device.Sessions.Where(part => !part.IsBackup)
                .Select(part => part.Session).Order(StringComparer.Ordinal).Prepend(device.Kind)) into alike
            from part in alike.SelectMany(device => device.Sessions).Where(part => !part.IsBackup)
                .GroupBy(part => part.Session)
            select new DeviceShare(sessions[part.Key], part.Sum(own => own.Rate), part.Max(own => own.Batch),
                [.. alike.Select(device => devices[device.Device])])];
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
