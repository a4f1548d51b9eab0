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

    private readonly Dictionary<string, double> _planned = [];
    private ServingPlan _current = ServingPlan.Empty;

    public ServingPlan Current => _current;

    public static bool MayRun(HostedModel model, ServingDevice device) =>
        model.Source.Configuration.Devices is not { Count: > 0 } pinned || pinned.Contains(device.Name);

    /// <summary>Requests per second that the plan in force was made for.</summary>
    public double PlannedRate(LiveSession session) => _planned.GetValueOrDefault(session.Name);

    /// <summary>The models that the plan puts on the device.</summary>
    public static IReadOnlySet<HostedModel> ModelsOn(
        ServingDevice device, ServingPlan plan, IReadOnlyList<HostedModel> models)
    {
        var sessions = plan.Devices.Where(planned => planned.Kind == device.Name)
            .SelectMany(planned => planned.Sessions).Select(session => session.Session).ToHashSet();
        return models.Where(model => model.Sessions.Any(session => sessions.Contains(session.Name))).ToHashSet();
    }

    /// <summary>A plan for the rates of now, with as few moves from the current one as may be.</summary>
    public ServingPlan Make(IReadOnlyList<HostedModel> models)
    {
        models = Newest(models);
        var loads = models.SelectMany(model => model.Sessions).Where(session => session.Options.IsPlanned)
            .Select(session => session.Load).GroupBy(load => load.Session.Name)

            // Of a query that is being replaced, the new one's, as with models.
            .Select(group => group.Last()).ToArray();
        _planned.Clear();
        foreach (var load in loads)
        {
            _planned[load.Session.Name] = load.Session.Rate;
        }

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
        foreach (var device in devices)
        {
            var planned = plan.Devices.FirstOrDefault(own => own.Kind == device.Name);
            foreach (var model in models)
            {
                if (device.Peek(model) is { } resident)
                {
                    seats.AddRange(model.Sessions.SelectMany(session => SeatsOf(session, device, resident, planned)));
                }
            }
        }

        foreach (var lane in devices.SelectMany(device => Enum.GetValues<Devices.WorkClass>().Select(device.Lane)))
        {
            lane.Serve([.. seats.Where(seat => seat.Lane == lane)]);
        }

        foreach (var session in models.SelectMany(model => model.Sessions))
        {
            session.Shortage = plan.Unplaced.FirstOrDefault(load => load.Session == session.Name) is { } shortage
                ? $"the plan lacks {shortage.Rate:0.#} requests per second: {shortage.Reason}"
                : null;
            session.Serve(
                [.. seats.Where(seat => seat.Session == session).OrderByDescending(seat => seat.Rate)]);
        }
    }

    private static IEnumerable<LaneSeat> SeatsOf(
        LiveSession session, ServingDevice device, Resident resident, DevicePlan? plan)
    {
        var planned = plan?.Sessions.FirstOrDefault(planned => planned.Session == session.Name);
        if (planned is not null)
        {
            yield return Promised(session, device, resident, planned);
        }
        else if (IsSmall(session, resident, plan))
        {
            yield return Unpromised(session, device, resident);
        }
    }

    private static LaneSeat Promised(
        LiveSession session, ServingDevice device, Resident resident, PlannedSession planned)
    {
        var lane = device.Lane(session.Options.Class);
        var batch = Math.Clamp(planned.Batch, 1, session.Options.MaxBatch);
        var known = lane.Seats.FirstOrDefault(seat => seat.Session == session && seat.Resident == resident);
        return known is not null && known.Batch == batch && known.Rate == planned.Rate
            ? known
            : new LaneSeat(session, lane, resident)
            {
                Rule = new EarlyDropRule(batch),
                Batch = batch,
                Rate = planned.Rate,
                WorstLatency = planned.WorstLatency,
                Why = planned.Why,
            };
    }

    private static LaneSeat Unpromised(LiveSession session, ServingDevice device, Resident resident)
    {
        var lane = device.Lane(session.Options.Class);
        var profile = resident.Profile.ForPlanning;
        var budget = session.Options.Objective is { } objective ? objective / 2 : TimeSpan.MaxValue;
        var batch = Math.Clamp(profile.BestThroughputBatch(budget), 1, session.Options.MaxBatch);
        var known = lane.Seats.FirstOrDefault(seat => seat.Session == session && seat.Resident == resident);
        return known is not null && known.Batch == batch && known.Rate == 0
            ? known
            : new LaneSeat(session, lane, resident)
            {
                Rule = new EarlyDropRule(batch),
                Batch = batch,
                Rate = 0,
                Why = "takes what is left",
            };
    }

    /// <summary>Whether a batch without a promise is short beside what was promised on the device.</summary>
    private static bool IsSmall(LiveSession session, Resident resident, DevicePlan? plan)
    {
        if (plan is null || plan.Sessions.Count == 0 ||
            session.Options.Class == Devices.WorkClass.BestEffort)
        {
            return true;
        }

        var shortest = plan.Sessions.Min(planned => planned.Objective);
        return resident.Profile.ForPlanning.Latency(1) <= shortest * Intrusion;
    }
}
