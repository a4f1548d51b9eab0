namespace Atoll.Serving;

/// <summary>
/// One place where requests of a session wait, with the devices that take from it: one per device when load is divided
/// at arrival, one per session when devices share it.
/// </summary>
public sealed class DispatchQueue
{
    private readonly BatchProfile?[] _profiles;

    /// <param name="session">Index of the session.</param>
    /// <param name="devices">Devices that may run it, in order of preference.</param>
    /// <param name="profiles">The session's profile on each of these devices.</param>
    /// <param name="rule">How batches are taken.</param>
    /// <param name="capacity">Requests that may wait.</param>
    public DispatchQueue(
        int session, IReadOnlyList<int> devices, IReadOnlyList<BatchProfile> profiles, IBatchRule rule, int capacity)
    {
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentNullException.ThrowIfNull(profiles);
        ArgumentNullException.ThrowIfNull(rule);
        ArgumentOutOfRangeException.ThrowIfNotEqual(profiles.Count, devices.Count);
        Session = session;
        Devices = [.. devices];
        _profiles = new BatchProfile[devices.DefaultIfEmpty(-1).Max() + 1];
        for (var place = 0; place < devices.Count; place++)
        {
            _profiles[devices[place]] = profiles[place];
        }

        Rule = rule;
        Waiting = new SessionQueue(capacity);
    }

    public int Session { get; }

    public IReadOnlyList<int> Devices { get; }

    public IBatchRule Rule { get; }

    /// <summary>
    /// Used in place of <see cref="Rule"/> while every waiting queue of these devices can wait for its last moment;
    /// null: never defer.
    /// </summary>
    public IBatchRule? Deferral { get; init; }

    /// <summary>How much before its last moment a deferred batch must find a free device.</summary>
    public TimeSpan DeferralMargin { get; init; }

    /// <summary>No deferral for so long after a request of these devices was given up.</summary>
    public TimeSpan DeferralPause { get; init; }

    /// <summary>The planned batch size, for orders that look ahead.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>The part of the session's load that comes here, relative to its other queues.</summary>
    public double Weight { get; init; } = 1;

    public SessionQueue Waiting { get; }

    /// <summary>A rule asked to be left alone until then; <see cref="TimeSpan.MinValue"/> when none did.</summary>
    internal TimeSpan NotBefore { get; set; } = TimeSpan.MinValue;

    internal TimeSpan EagerUntil { get; set; } = TimeSpan.MinValue;

    /// <summary>The session's profile on one of its devices.</summary>
    internal BatchProfile Profile(int device) => _profiles[device]
        ?? throw new ArgumentOutOfRangeException(nameof(device), device, $"session {Session} has no copy there");
}
