namespace Atoll.Serving;

/// <summary>Brings the plan in force into a new one, so that what need not move stays.</summary>
internal sealed class PreviousPlan(
    PlanRequest request, SharePlacement placement, DevicePool pool, PlanBuilder builder)
{
    private const string Kept = "kept from the plan before";

    private readonly Dictionary<string, SessionSpec> _sessions =
        request.Sessions.Where(session => session.Pinned.Count == 0).ToDictionary(session => session.Name);

    private readonly Dictionary<string, List<DeviceState>> _holders = [];

    /// <summary>
    /// Loads every device with what it held, less what fell, less what it can no longer keep in time.
    /// </summary>
    public void Restore(ServingPlan previous)
    {
        var rates = RatesToKeep(previous);
        foreach (var old in previous.Devices)
        {
            var sessions = old.Sessions.Where(session => rates.ContainsKey((old.Device, session.Session))).ToList();
            if (sessions.Count > 0 && pool.Open(old.Device) is { } device)
            {
                Load(device, sessions.Select(session =>
                    new LoadShare(
                        _sessions[session.Session], rates[(old.Device, session.Session)],
                        _sessions[session.Session].Rate / 1000, session.Jitter.TotalMilliseconds,
                        session.Run > 1 ? session.Run : 0)));
                if (device.Shares.Count == 0)
                {
                    pool.Release(device);
                }
            }
        }
    }

    /// <summary>Lets the devices that hold the session take more of it; returns what is left of the rate.</summary>
    public double Grow(SessionSpec session, double ratePerMs)
    {
        var holders = _holders.GetValueOrDefault(session.Name) ?? [];
        var left = ratePerMs - holders.Sum(device => Held(device, session).Load.RatePerMs);
        foreach (var device in holders.OrderByDescending(device => device.Utilization))
        {
            for (var part = 1.0; part > 0.02 && left > ratePerMs * 1e-9; part /= 2)
            {
                var held = Held(device, session);
                var more = held.Load with { RatePerMs = held.Load.RatePerMs + (left * part) };
                if (placement.Share(more, device.KindIndex, Kept) is { } grown &&
                    device.TryReplace([.. device.Shares.Where(share => share != held), grown]))
                {
                    left -= left * part;
                }
            }
        }

        return Math.Max(0, left);
    }

    private static PlacedShare Held(DeviceState device, SessionSpec session) =>
        device.Shares.First(share => share.Load.Session.Name == session.Name);

    /// <summary>
    /// Requests per millisecond that each device keeps of each session: where load fell, the least used device gives it
    /// up first.
    /// </summary>
    private Dictionary<(string Device, string Session), double> RatesToKeep(ServingPlan previous)
    {
        var rates = new Dictionary<(string Device, string Session), double>();
        var placed =
            from device in previous.Devices
            from session in device.Sessions
            where !session.IsBackup && _sessions.ContainsKey(session.Session)
            group (device, session) by session.Session;
        foreach (var group in placed)
        {
            var left = _sessions[group.Key].Rate / 1000;
            foreach (var (device, session) in group.OrderByDescending(item => item.device.Occupancy))
            {
                var kept = Math.Min(left, session.Rate / 1000);
                left -= kept;
                if (kept > 1e-9)
                {
                    rates[(device.Device, group.Key)] = kept;
                }
            }
        }

        return rates;
    }

    private void Load(DeviceState device, IEnumerable<LoadShare> loads)
    {
        var shares = device.Shares.ToList();
        foreach (var load in loads)
        {
            if (placement.Share(load, device.KindIndex, Kept) is { } share)
            {
                shares.Add(share);
            }
        }

        while (!device.TryReplace(shares))
        {
            var cheapest = shares.Where(share => !share.IsPinned).MinBy(share => share.LeastUtilization);
            if (cheapest is null)
            {
                return;
            }

            shares.Remove(cheapest);
            builder.Explain($"{device.Name}: overloaded, {cheapest.Load.Session.Name} spilled as the cheapest");
        }

        foreach (var share in shares.Where(share => !share.IsPinned))
        {
            if (!_holders.TryGetValue(share.Load.Session.Name, out var holders))
            {
                _holders[share.Load.Session.Name] = holders = [];
            }

            holders.Add(device);
        }
    }
}
