namespace Atoll.Serving;

/// <summary>
/// Sessions and the devices that may serve them, by index: what a policy divides, and what a simulation runs.
/// Immutable.
/// </summary>
public sealed class ClusterLoad
{
    private readonly BatchProfile?[][] _byKind;
    private readonly int[] _kindOf;

    /// <param name="request">Devices, profiles, and sessions with their rates.</param>
    public ClusterLoad(PlanRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        Request = request;
        DeviceNames = [.. request.Devices.SelectMany(kind => Enumerable.Range(0, kind.Count).Select(kind.DeviceName))];
        _kindOf = [.. request.Devices.Index().SelectMany(kind => Enumerable.Repeat(kind.Index, kind.Item.Count))];
        var table = new ProfileTable(request.Profiles);
        _byKind = [.. request.Sessions.Select(session => request.Devices
            .Select(kind => table.Find(session.Model, kind.Name)).ToArray())];
    }

    private ClusterLoad(ClusterLoad other, PlanRequest request)
    {
        Request = request;
        DeviceNames = other.DeviceNames;
        _kindOf = other._kindOf;
        _byKind = other._byKind;
    }

    /// <summary>The same as the planner is asked.</summary>
    public PlanRequest Request { get; }

    public IReadOnlyList<SessionSpec> Sessions => Request.Sessions;

    /// <summary>The name of every device, by its index; the devices of a kind follow each other.</summary>
    public IReadOnlyList<string> DeviceNames { get; }

    /// <summary>The kind of a device, as an index of the request's kinds.</summary>
    public int KindOf(int device) => _kindOf[device];

    /// <summary>The profile of a session on a device; null when it does not run there.</summary>
    public BatchProfile? Profile(int session, int device) => _byKind[session][_kindOf[device]];

    /// <summary>The same devices and sessions at other rates.</summary>
    public ClusterLoad WithRates(Func<SessionSpec, double> rate) => new(this, Request with
    {
        Sessions = [.. Sessions.Select(session => session with { Rate = rate(session) })],
    });

    /// <summary>The same with every rate multiplied.</summary>
    public ClusterLoad Scaled(double factor) => WithRates(session => session.Rate * factor);
}
