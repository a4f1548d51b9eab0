namespace Atoll.Serving;

/// <summary>Placements that plan nothing: every device runs every session that has a profile for it.</summary>
internal static class SharedDevices
{
    /// <summary>Requests that may wait in one queue.</summary>
    public const int QueueCapacity = 100_000;

    /// <summary>
    /// The largest batch that a request may just miss and still be answered in time: 2 l(b) within the objective.
    /// </summary>
    public static int HalfObjectiveBatch(ClusterLoad load, int session, int device) =>
        Math.Max(1, load.Profile(session, device)!.LargestBatch(load.Sessions[session].Objective / 2));

    /// <summary>The devices that have a profile for the session, and that it is not barred from by its pins.</summary>
    public static int[] Of(ClusterLoad load, int session)
    {
        var pinned = load.Sessions[session].Pinned;
        return [.. Enumerable.Range(0, load.DeviceNames.Count).Where(device =>
            load.Profile(session, device) is not null &&
            (pinned.Count == 0 || pinned.Contains(load.DeviceNames[device])))];
    }

    /// <summary>One queue per session, which all its devices take from.</summary>
    public static DispatchQueue[] Central(ClusterLoad load, Func<int, IBatchRule> rule) =>
        [.. from session in Enumerable.Range(0, load.Sessions.Count)
            let devices = Of(load, session)
            where devices.Length > 0
            select Queue(load, session, devices, rule(session))];

    /// <summary>One queue per session and device; arrivals are dealt evenly.</summary>
    public static DispatchQueue[] Even(ClusterLoad load, Func<int, IBatchRule> rule) =>
        [.. from session in Enumerable.Range(0, load.Sessions.Count)
            from device in Of(load, session)
            select Queue(load, session, [device], rule(session))];

    private static DispatchQueue Queue(ClusterLoad load, int session, int[] devices, IBatchRule rule) =>
        new(session, devices, [.. devices.Select(device => load.Profile(session, device)!)], rule, QueueCapacity)
        {
            Batch = BatchProfile.BatchLimit,
        };
}
