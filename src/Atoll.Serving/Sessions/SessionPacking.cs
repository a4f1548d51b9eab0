namespace Atoll.Serving;

/// <summary>
/// Hands the sessions and devices of a server to the planner. Where the load is more than the devices can carry, what
/// was promised comes first and the rest is cut in one proportion for all, so that no session starves.
/// </summary>
internal sealed class SessionPacking(
    IReadOnlyList<HostedModel> models, IReadOnlyList<ServingDevice> devices, SessionDirectorOptions options)
{
    /// <summary>The proportion is found to one part in 2 to this power.</summary>
    private const int Halvings = 5;

    private const int CapacityHalvings = 12;
    private const double CapacityMost = 1e6;

    private readonly DeviceKind[] _kinds =
        [.. devices.Select(device => new DeviceKind(device.Name, 1, device.Backend.MemoryBytes))];

    private readonly BatchProfile[] _profiles =
        [.. devices.SelectMany(device => models.Select(model => model.Unit).Distinct()
            .Select(unit => ProfileOn(unit, unit.Name, device, options.Margin))).OfType<BatchProfile>()];

    public IReadOnlyList<DeviceKind> Kinds => _kinds;

    /// <summary>Profiles of all models on all devices; a model in a group has the group's.</summary>
    public ProfileTable Profiles => new([.. devices.SelectMany(device => models
        .Select(model => ProfileOn(model.Unit, model.Name, device, options.Margin))).OfType<BatchProfile>()]);

    public ServingPlan Pack(IReadOnlyList<PlannedLoad> loads, ServingPlan current)
    {
        var whole = Plan(loads, 1, current);
        if (whole.Unplaced.Count == 0)
        {
            return whole;
        }

        var best = Plan(loads, 0, current);
        var (low, high) = (0.0, 1.0);
        for (var i = 0; best.Unplaced.Count == 0 && i < Halvings; i++)
        {
            var middle = (low + high) / 2;
            var plan = Plan(loads, middle, current);
            (low, high) = plan.Unplaced.Count == 0 ? (middle, high) : (low, middle);
            best = plan.Unplaced.Count == 0 ? plan : best;
        }

        // What was cut stays known, so that it can be told.
        return best.Unplaced.Count > 0 ? best : best with { Unplaced = whole.Unplaced };
    }

    /// <summary>The largest factor at which a new plan carries all of the sessions' rates.</summary>
    public double Capacity(IReadOnlyList<SessionSpec> sessions)
    {
        var (low, high) = (0.0, 1.0);
        while (high < CapacityMost && Carries(sessions, high))
        {
            (low, high) = (high, 2 * high);
        }

        for (var i = 0; i < CapacityHalvings; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = Carries(sessions, middle) ? (middle, high) : (low, middle);
        }

        return low;
    }

    private bool Carries(IReadOnlyList<SessionSpec> sessions, double factor) => ServingPlanner.Plan(new PlanRequest
    {
        Devices = _kinds,
        Profiles = _profiles,
        Sessions = [.. sessions.Select(session => session with { Rate = factor * session.Rate })],
    }).Unplaced.Count == 0;

    private ServingPlan Plan(IReadOnlyList<PlannedLoad> loads, double part, ServingPlan current) =>
        ServingPlanner.Plan(new PlanRequest
        {
            Devices = _kinds,
            Profiles = _profiles,
            Sessions = [.. loads.Select(load => load.Session with
            {
                Rate = load.PromisedRate + (part * (load.Session.Rate - load.PromisedRate)),
            })],
            Previous = current.Devices.Count > 0 ? current : null,
        });

    /// <summary>
    /// The unit's profile on the device, under this name; on one where it was never loaded, that of another device.
    /// </summary>
    private static BatchProfile? ProfileOn(HostedUnit unit, string name, ServingDevice device, double margin)
    {
        var live = unit.Profiles.GetValueOrDefault(device.Name) ?? unit.Profiles.Values.FirstOrDefault();
        if (live is null || !SessionPlanning.MayRun(unit, device))
        {
            return null;
        }

        // All programs of a unit are loaded together, so sessions of it on one device share all of its memory.
        var known = live.ForPlanning;
        return new BatchProfile(name, device.Name, known.Points, known.Options with
        {
            Margin = margin,
            WeightBytes = known.Points.Max(point => point.MemoryBytes),
        });
    }
}
