namespace Atoll.Serving;

/// <summary>Refuses requests that contradict themselves before anything is planned.</summary>
internal static class PlanRequestCheck
{
    public const int MaxSessions = 100_000;
    public const int MaxDevices = 100_000;

    public static void Check(PlanRequest request)
    {
        Require(request.Devices.Count > 0, "at least one kind of device is needed");
        Require(
            request.Sessions.Count <= MaxSessions,
            $"{request.Sessions.Count} sessions are more than {MaxSessions}");
        foreach (var kind in request.Devices)
        {
            Require(
                kind.Count is >= 0 and <= MaxDevices,
                $"device kind '{kind.Name}' has {kind.Count} devices (0 to {MaxDevices})");
        }

        Unique(request.Devices.Select(kind => kind.Name), "device kind");
        Unique(request.Sessions.Select(session => session.Name), "session");
        var devices = request.Sessions.Any(session => session.Pinned.Count > 0)
            ? request.Devices.SelectMany(kind => Enumerable.Range(0, kind.Count).Select(kind.DeviceName)).ToHashSet()
            : [];
        foreach (var session in request.Sessions)
        {
            Check(session, devices);
        }
    }

    private static void Check(SessionSpec session, HashSet<string> devices)
    {
        Require(
            session.Objective > TimeSpan.Zero,
            $"session '{session.Name}': objective {session.Objective.TotalMilliseconds} ms is not above zero");
        Require(
            double.IsFinite(session.Rate) && session.Rate is >= 0 and <= 1e9,
            $"session '{session.Name}': rate {session.Rate} is not within 0 and 1e9 requests/s");
        Require(session.Backups >= 0, $"session '{session.Name}': backups {session.Backups} is below zero");
        foreach (var pinned in session.Pinned)
        {
            Require(devices.Contains(pinned), $"session '{session.Name}' is pinned to unknown device '{pinned}'");
        }
    }

    private static void Unique(IEnumerable<string> names, string what)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            Require(seen.Add(name), $"{what} '{name}' is there twice");
        }
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ServingException(ServingError.InvalidPlan, message);
        }
    }
}
