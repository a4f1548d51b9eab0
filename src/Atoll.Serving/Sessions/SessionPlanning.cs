namespace Atoll.Serving;

/// <summary>
/// Makes plans for what is hosted and puts them into force. A session gets a seat with a promised rate on each device
/// that the plan gives it, and a seat without a promise on every other device that holds its replica, where that delays
/// nobody much: so an idle device never watches a queue grow. Used under the director's planning lock.
/// </summary>
internal sealed class SessionPlanning(IReadOnlyList<ServingDevice> devices, SessionDirectorOptions options)
{
    /// <summary>
    /// A batch without a promise may take this part of the shortest objective that was promised on a device.
    /// </summary>
    private const double Intrusion = 0.25;

    // Never changed once it is here: looks at the load read it without the planning lock.
    private volatile Dictionary<string, double> _planned = [];
    private ServingPlan _current = ServingPlan.Empty;

    public ServingPlan Current => _current;

    public static bool MayRun(HostedUnit unit, ServingDevice device) =>
        unit.Configuration.Devices is not { Count: > 0 } pinned || pinned.Contains(device.Name);

    /// <summary>Rows per second that the plan in force was made for.</summary>
    public double PlannedRate(LiveSession session) => _planned.GetValueOrDefault(session.Name);

    /// <summary>The units that the plan puts on the device.</summary>
    public static IReadOnlySet<HostedUnit> UnitsOn(
        ServingDevice device, ServingPlan plan, IReadOnlyList<HostedModel> models)
    {
        var loaded = plan.Devices.Where(planned => planned.Kind == device.Name)
            .SelectMany(planned => planned.Sessions).Select(session => session.Model).ToHashSet();
        return Newest(models).Select(model => model.Unit).Where(unit => loaded.Contains(unit.Name)).ToHashSet();
    }

    /// <summary>The groups of sessions that are planned for.</summary>
    public static IReadOnlyList<SessionGroup> PlannedGroups(IReadOnlyList<HostedModel> models) =>
        [.. models.Select(model => model.Unit).Distinct().SelectMany(unit => unit.Groups())
            .Where(group => group.IsPlanned).GroupBy(group => group.Name)

            // Of a query that is being replaced, the new one's, as with models.
            .Select(group => group.Last())];

    /// <summary>A plan for the rates of now, with as few moves from the current one as may be.</summary>
    public ServingPlan Make(IReadOnlyList<HostedModel> models)
    {
        models = Newest(models);
        var groups = PlannedGroups(models);
        var rates = new Dictionary<string, double>();
        foreach (var session in groups.SelectMany(group => group.Sessions))
        {
            rates[session.Name] = session.Load.Session.Rate;
        }

        _planned = rates;
        PlannedLoad[] loads = [.. groups.Select(group => group.Load)];

        return loads.Length == 0
            ? ServingPlan.Empty
            : new SessionPacking(models, devices, options).Pack(loads, _current);
    }

    /// <summary>Of a model that is being replaced, the new one: the old one takes what is left until it goes.</summary>
    public static IReadOnlyList<HostedModel> Newest(IReadOnlyList<HostedModel> models) =>
        [.. models.GroupBy(model => model.Name).Select(group => group.Last())];

    /// <summary>Gives lanes and sessions their seats; lanes first, so that a session finds who serves it.</summary>
    public void PutInForce(ServingPlan plan, IReadOnlyList<HostedModel> models)
    {
        _current = plan;
        var seats = new List<LaneSeat>();
        (HostedUnit Unit, IReadOnlyList<SessionGroup> Groups)[] served =
            [.. models.Select(model => model.Unit).Distinct().Select(unit => (unit, unit.Groups()))];
        foreach (var device in devices)
        {
            var planned = plan.Devices.FirstOrDefault(own => own.Kind == device.Name);
            foreach (var (unit, groups) in served)
            {
                if (device.Peek(unit) is { } resident)
                {
                    seats.AddRange(groups.SelectMany(group => SeatsOf(group, device, resident, planned)));
                }
            }
        }

        foreach (var lane in devices.SelectMany(device => Enum.GetValues<Devices.WorkClass>().Select(device.Lane)))
        {
            lane.Serve([.. seats.Where(seat => seat.Lane == lane)]);
        }

        foreach (var group in served.SelectMany(unit => unit.Groups))
        {
            var shortage = plan.Unplaced.FirstOrDefault(load => load.Session == group.Name) is { } lacking
                ? $"the plan lacks {lacking.Rate:0.#} requests per second: {lacking.Reason}"
                : null;
            LaneSeat[] own = [.. seats.Where(seat => seat.Group.IsSame(group)).OrderByDescending(seat => seat.Rate)];
            foreach (var session in group.Sessions)
            {
                session.Shortage = shortage;
                session.Serve(own);
            }
        }
    }

    private static IEnumerable<LaneSeat> SeatsOf(
        SessionGroup group, ServingDevice device, Resident resident, DevicePlan? plan)
    {
        var planned = plan?.Sessions.FirstOrDefault(planned => planned.Session == group.Name);
        if (planned is not null)
        {
            yield return Promised(group, device, resident, planned);
        }
        else if (IsSmall(group, resident, plan))
        {
            yield return Unpromised(group, device, resident);
        }
    }

    private static LaneSeat Promised(
        SessionGroup group, ServingDevice device, Resident resident, PlannedSession planned)
    {
        var lane = device.Lane(group.Class);
        var batch = Math.Clamp(planned.Batch, 1, group.MaxRows);
        var known = lane.Seats.FirstOrDefault(seat => seat.Group.IsSame(group) && seat.Resident == resident);
        return known is not null && known.Batch == batch && known.Rate == planned.Rate
            ? known
            : new LaneSeat(group, lane, resident)
            {
                Rule = new EarlyDropRule(batch),
                Batch = batch,
                Rate = planned.Rate,
                WorstLatency = planned.WorstLatency,
                Why = planned.Why,
            };
    }

    private static LaneSeat Unpromised(SessionGroup group, ServingDevice device, Resident resident)
    {
        var lane = device.Lane(group.Class);
        var profile = resident.Profile.ForPlanning;
        var budget = group.Objective is { } objective ? objective / 2 : TimeSpan.MaxValue;
        var batch = Math.Clamp(profile.BestThroughputBatch(budget), 1, group.MaxRows);
        var known = lane.Seats.FirstOrDefault(seat => seat.Group.IsSame(group) && seat.Resident == resident);
        return known is not null && known.Batch == batch && known.Rate == 0
            ? known
            : new LaneSeat(group, lane, resident)
            {
                Rule = new EarlyDropRule(batch),
                Batch = batch,
                Rate = 0,
                Why = "takes what is left",
            };
    }

    /// <summary>Whether a batch without a promise is short beside what was promised on the device.</summary>
    private static bool IsSmall(SessionGroup group, Resident resident, DevicePlan? plan)
    {
        if (plan is null || plan.Sessions.Count == 0 ||
            group.Class == Devices.WorkClass.BestEffort)
        {
            return true;
        }

        var shortest = plan.Sessions.Min(planned => planned.Objective);
        return resident.Profile.ForPlanning.Latency(1) <= shortest * Intrusion;
    }
}
