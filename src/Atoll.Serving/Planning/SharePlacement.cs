namespace Atoll.Serving;

/// <summary>Puts shares of sessions onto devices: dedicated devices first, then best fit.</summary>
internal sealed class SharePlacement(
    PlanRequest request, ProfileTable profiles, DevicePool pool, PackingVariant variant)
{
    private const int MaxTries = 12;
    private const double ResiduePrice = 0.1;

    private readonly PlannerOptions _options = request.Options;

    /// <summary>How many times more of a device the session needs on its second best kind.</summary>
    public double Regret(SessionSpec session)
    {
        var loads = Kinds(session).Select(kind => SaturatedThroughput(session, kind).PerMs)
            .OrderDescending().Take(2).ToList();
        return loads is [var best, var second] && second > 0 ? best / second : loads.Count == 1 ? double.MaxValue : 0;
    }

    /// <summary>
    /// Gives the load as many devices of its own as it fills, and returns what is left to share devices. A dedicated
    /// device runs batch b back to back; a request may just miss one, so b runs in half the budget.
    /// </summary>
    public IReadOnlyList<LoadShare> Saturate(LoadShare load)
    {
        var session = load.Session;
        if (session.Pinned.Count > 0)
        {
            return PinnedShares(load);
        }

        var left = load;
        foreach (var kind in Kinds(session).OrderByDescending(kind => SaturatedThroughput(session, kind).PerMs))
        {
            if (_options.DealWholeBatches && left.JitterMs == 0 && Turns(left, kind) is { Count: > 0 } turns)
            {
                return turns;
            }

            left = Saturate(left, kind);
            if (pool.FreeCount(kind) > 0)
            {
                break;
            }
        }

        return left.RatePerMs > load.RatePerMs * 1e-9 ? [left] : [];
    }

    /// <summary>The hardest to place first: pinned, then by the part of a device that each needs, with the variant's
    /// noise.
    /// </summary>
    public IEnumerable<LoadShare> InOrderOfSize(IEnumerable<LoadShare> shares)
    {
        var noise = new Random(variant.Seed);
        return shares
            .Select(share => (
                Share: share, Need: Need(share) * (variant.Seed == 0 ? 1 : 0.75 + (0.5 * noise.NextDouble()))))
            .OrderByDescending(item => item.Share.Session.Pinned.Count > 0).ThenByDescending(item => item.Need)
            .Select(item => item.Share).ToList();
    }

    /// <summary>Puts the share onto the fullest device that takes it, else onto a new one.</summary>
    /// <returns>Null when placed, else the reason why not.</returns>
    public string? Place(LoadShare load)
    {
        if (load.Session.Pinned.Count > 0)
        {
            return PlacePinned(load);
        }

        if (Options(load) is not { Count: > 0 } options)
        {
            return NoOption(load);
        }

        foreach (var share in options)
        {
            if (TryBestFit(share, pool.Used, null))
            {
                return null;
            }
        }

        foreach (var (kind, share) in options)
        {
            if (pool.Open(kind) is { } device)
            {
                if (device.TryAdd(share with { Why = "first on a device: " + share.Why }))
                {
                    return null;
                }

                pool.Release(device);
            }
        }

        return PlaceInParts(load, pool.Used, null) ? null : "all devices are full";
    }

    /// <summary>
    /// Puts the share onto devices in use other than one, whole if possible, else in up to three parts.
    /// </summary>
    public bool TryMove(LoadShare load, IReadOnlyList<DeviceState> devices, DeviceState except)
    {
        foreach (var share in Options(load))
        {
            if (TryBestFit(share, devices, except))
            {
                return true;
            }
        }

        return PlaceInParts(load, devices, except);
    }

    public PlacedShare? Share(LoadShare load, int kind, string why)
    {
        var device = request.Devices[kind];
        return profiles.Find(load.Session.Model, device.Name) is { } profile
            ? PlacedShare.Of(load, profile, MemoryLimit.Of(device), _options, why)
            : null;
    }

    /// <summary>The session's profile on a kind of device, or null.</summary>
    public BatchProfile? Profile(SessionSpec session, int kind) =>
        profiles.Find(session.Model, request.Devices[kind].Name);

    private IEnumerable<int> Kinds(SessionSpec session) => Enumerable.Range(0, request.Devices.Count)
        .Where(kind => profiles.Find(session.Model, request.Devices[kind].Name) is not null);

    private double Need(LoadShare load) =>
        Options(load) is [var first, ..] ? first.Share.LeastUtilization : double.MaxValue;

    /// <summary>The share on each kind of device that can run it in time, the least occupancy first.</summary>
    private List<(int Kind, PlacedShare Share)> Options(LoadShare load) =>
        [.. Kinds(load.Session).Select(kind => (Kind: kind, Share: Share(load, kind, "best fit")))
            .Where(option => option.Share is not null).Select(option => (option.Kind, option.Share!))
            .OrderBy(option => option.Item2.LeastUtilization)];

    /// <summary>
    /// Batch and rate of a dedicated device that is dealt requests one by one: gathering takes the period, so
    /// period + execution &lt;= budget.
    /// </summary>
    private (int Batch, double PerMs) SaturatedThroughput(SessionSpec session, int kind)
    {
        var device = request.Devices[kind];
        var profile = profiles.Find(session.Model, device.Name)!;
        var busy = _options.MaxOccupancy;
        var batch = profile.BestThroughputBatch(
            Durations.Scale(profile.ExecutionBudget(session.Objective), busy / (1 + busy)), MemoryLimit.Of(device));
        return (batch, batch == 0 ? 0 : batch / profile.Milliseconds(batch) * busy);
    }

    /// <summary>
    /// Of the devices in use with enough time left, the one where sharing costs least: batches that become smaller take
    /// more of the device, and time left over counts a little. Tried are the fullest, and those with a period that goes
    /// well with the share's.
    /// </summary>
    private bool TryBestFit(
        (int Kind, PlacedShare Share) option, IReadOnlyList<DeviceState> devices, DeviceState? except)
    {
        var need = option.Share.LeastUtilization;
        var session = option.Share.Load.Session;
        var candidates = devices.Where(device => device.KindIndex == option.Kind && device != except &&
            device.Utilization + need <= 1 + 1e-9 && !device.Holds(session)).ToList();
        if (candidates.Count > 2 * MaxTries)
        {
            candidates = [.. candidates.OrderByDescending(device => device.Utilization).Take(MaxTries)
                .Union(candidates.OrderBy(device => device.Discord(option.Share)).Take(MaxTries))];
        }

        DeviceState? best = null;
        var least = double.PositiveInfinity;
        foreach (var device in candidates)
        {
            if (device.UtilizationWith(option.Share) is { } used)
            {
                var price = used - device.Utilization - need + (variant.TimeLeftPrice * (1 - used));
                (best, least) = price < least - 1e-9 ? (device, price) : (best, least);
            }
        }

        return best is not null && best.TryAdd(option.Share);
    }

    /// <summary>Fills devices of one kind and returns what is left of the load.</summary>
    private LoadShare Saturate(LoadShare load, int kind)
    {
        var (_, rate) = SaturatedThroughput(load.Session, kind);
        var count = rate <= 0 ? 0 : (int)Math.Min(pool.FreeCount(kind), (load.RatePerMs / rate) + 1e-9);
        var isAll = count == 1 && load.RatePerMs <= rate * (1 + 1e-9);
        for (var i = 0; i < count; i++)
        {
            var share = Share(isAll ? load : load.Part(rate), kind, "dedicated: batch of highest throughput");
            if (share is null || pool.Open(kind) is not { } device)
            {
                return i == 0 ? load : load.Part(load.RatePerMs - (i * rate));
            }

            if (!device.TryAdd(share))
            {
                pool.Release(device);
                return i == 0 ? load : load.Part(load.RatePerMs - (i * rate));
            }
        }

        return count == 0 ? load : load.Part(Math.Max(0, load.RatePerMs - (count * rate)));
    }

    /// <summary>
    /// Equal devices that take whole batches in turn: each batch gathers at the session's full rate, so it may run in
    /// all the objective leaves after (b - 1) / rate, and is larger than one that a device gathers alone. Chosen where
    /// that takes clearly less than dedicated devices and a residue; what the devices have left others may use.
    /// </summary>
    private IReadOnlyList<LoadShare> Turns(LoadShare load, int kind)
    {
        var device = request.Devices[kind];
        var profile = profiles.Find(load.Session.Model, device.Name)!;
        var budget = profile.ExecutionBudget(load.Session.Objective).TotalMilliseconds;
        var (run, need) = (0, double.PositiveInfinity);
        foreach (var batch in profile.Batches)
        {
            var latency = profile.Milliseconds(batch);
            if (latency + ((batch - 1) / load.TotalPerMs) <= budget &&
                profile.Memory(batch) <= MemoryLimit.Of(device) &&
                load.RatePerMs * latency / batch < need)
            {
                (run, need) = (batch, load.RatePerMs * latency / batch);
            }
        }

        var count = double.IsInfinity(need) ? 0 : (int)Math.Ceiling((need / _options.MaxOccupancy) - 1e-9);
        return count < 2 || count > pool.FreeCount(kind) || !(Price(need, count) < PriceOneByOne(load, kind))
            ? []
            : [.. Enumerable.Repeat(load with { RatePerMs = load.RatePerMs / count, Run = run }, count)];
    }

    /// <summary>Devices used, and a part of what is left of them: not all of it will find a use.</summary>
    private double Price(double used, int devices) => used + (variant.LeftOverPrice * (devices - used));

    private double PriceOneByOne(LoadShare load, int kind)
    {
        var (_, rate) = SaturatedThroughput(load.Session, kind);
        var count = rate <= 0 ? 0 : Math.Floor((load.RatePerMs / rate) + 1e-9);
        var left = load.RatePerMs - (count * rate);
        return count + (left <= load.RatePerMs * 1e-9 ? 0
            : Share(load.Part(left), kind, "") is { } share ? share.LeastUtilization * (1 + ResiduePrice)
            : double.PositiveInfinity);
    }

    private static IReadOnlyList<LoadShare> PinnedShares(LoadShare load) =>
        [.. load.Session.Pinned.Select(_ => load.Session.Pinned.Count == 1
            ? load
            : load.Part(load.RatePerMs / load.Session.Pinned.Count))];

    private string? PlacePinned(LoadShare load)
    {
        foreach (var name in load.Session.Pinned)
        {
            if (pool.Open(name) is { } device && !device.Holds(load.Session))
            {
                var share = Share(load, device.KindIndex, $"pinned to {name}");
                return share is null ? NoOption(load)
                    : device.TryAdd(share) ? null
                    : $"does not fit {name}, where it is pinned";
            }
        }

        return "its pinned devices are taken";
    }

    /// <summary>
    /// Divides the share over up to three devices that have time left, each taking as much as it can.
    /// </summary>
    private bool PlaceInParts(LoadShare load, IReadOnlyList<DeviceState> devices, DeviceState? except)
    {
        if (load.Run > 0)
        {
            return false;
        }

        const int MaxParts = 3;
        const int MaxDevices = 12;
        var undo = new List<(DeviceState Device, IReadOnlyList<PlacedShare> Shares)>();
        var left = load;
        foreach (var device in devices.Where(device => device != except && !device.Holds(load.Session))
            .OrderBy(device => device.Utilization).Take(MaxDevices).ToList())
        {
            var before = device.Shares;
            var taken = TakeMost(device, left, isLast: undo.Count == MaxParts - 1);
            if (taken >= left.RatePerMs)
            {
                return true;
            }

            if (taken > load.RatePerMs / 50)
            {
                undo.Add((device, before));
                left = left.Part(left.RatePerMs - taken);
            }
            else
            {
                device.Restore(before);
            }
        }

        foreach (var (device, shares) in undo)
        {
            device.Restore(shares);
        }

        return false;
    }

    /// <summary>
    /// The largest part of the load that the device takes, within a thirty-second of it; it is then held there. The
    /// last part must be all.
    /// </summary>
    private double TakeMost(DeviceState device, LoadShare load, bool isLast)
    {
        if (TryTake(device, load))
        {
            return load.RatePerMs;
        }

        var before = device.Shares;
        var most = 0.0;
        for (var step = 0.5; !isLast && step > 0.02; step /= 2)
        {
            if (TryTake(device, load.Part(load.RatePerMs * (most + step))))
            {
                most += step;
                device.Restore(before);
            }
        }

        return most > 0 && TryTake(device, load.Part(load.RatePerMs * most)) ? load.RatePerMs * most : 0;
    }

    private bool TryTake(DeviceState device, LoadShare load) =>
        Share(load, device.KindIndex, "a part of a residue") is { } share && device.TryAdd(share);

    private string NoOption(LoadShare load)
    {
        var session = load.Session;
        var kinds = Kinds(session).ToList();
        if (kinds.Count == 0)
        {
            return $"model '{session.Model}' has no profile for any kind of device";
        }

        foreach (var kind in kinds)
        {
            var device = request.Devices[kind];
            var profile = profiles.Find(session.Model, device.Name)!;
            if (profile.Memory(profile.Fit(1)) <= MemoryLimit.Of(device))
            {
                var fastest = profile.Latency(profile.Fit(1)).TotalMilliseconds;
                return $"no batch is in time: the smallest takes {PlanText.Ms(fastest)} on {device.Name}, " +
                    $"the objective is {PlanText.Ms(session.Objective.TotalMilliseconds)}";
            }
        }

        return $"model '{session.Model}' is larger than any device's memory and has no stages";
    }
}
