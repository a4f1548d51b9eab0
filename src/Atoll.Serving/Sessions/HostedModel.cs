using System.Collections.Concurrent;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model that the director hosts: its graph, its sessions, and its profile by device. The first session is the one
/// that the model's configuration describes, the second takes single requests of the other class, and every stage of a
/// query that runs the model has one of its own.
/// </summary>
internal sealed class HostedModel
{
    private readonly Func<LiveSessionOptions, LiveSession> _open;
    private volatile LiveSession[] _sessions;
    private int _loads;
    private long _givenUp;
    private long _ran;

    public HostedModel(ReplicaSource source, TimeProvider clock, long origin)
    {
        Source = source;
        var configuration = source.Configuration;
        IsBatched = BatchSizes.WhyNot(source.Model.Inputs, source.Model.Outputs) is null;
        Name = source.Source.Version == "1" ? source.Source.Name : $"{source.Source.Name}/{source.Source.Version}";
        Metadata = new ModelMetadata
        {
            Name = source.Source.Name,
            Version = source.Source.Version,
            Inputs = [.. source.Model.Inputs.Select(Describe)],
            Outputs = [.. source.Model.Outputs.Select(Describe)],
        };
        _open = options => new LiveSession(options, clock, origin);
        var other = configuration.Class == WorkClass.RealTime ? WorkClass.BestEffort : WorkClass.RealTime;
        _sessions = [_open(Options(configuration.Class)), _open(Options(other))];
    }

    public string Name { get; }

    public bool IsBatched { get; }

    public ReplicaSource Source { get; }

    public ModelMetadata Metadata { get; }

    public IReadOnlyList<LiveSession> Sessions => _sessions;

    /// <summary>The session that the model's configuration describes.</summary>
    public LiveSession Own => _sessions[0];

    /// <summary>Profile per device that the model was measured on, kept also while it is not loaded there.</summary>
    public ConcurrentDictionary<string, LiveProfile> Profiles { get; } = [];

    /// <summary>Bytes that the model takes on a device.</summary>
    public long MemoryBytes { get; set; }

    /// <summary>The session for a client's request of the class.</summary>
    public LiveSession Session(WorkClass workClass) => _sessions[workClass == Own.Options.Class ? 0 : 1];

    /// <summary>Adds a session of the model's own class, for a stage of a query.</summary>
    public LiveSession Open(string name, TimeSpan objective, double expectedRate)
    {
        var session = _open(Own.Options with
        {
            Name = name, Objective = objective, ExpectedRate = expectedRate, IsPlanned = true,
        });
        session.OnUnserved = Own.OnUnserved;
        _sessions = [.. _sessions, session];
        return session;
    }

    public void Close(LiveSession session) => _sessions = [.. _sessions.Where(other => other != session)];

    /// <summary>A request waits that no device will take.</summary>
    public bool IsAwaited => Array.Exists(_sessions, session => session.IsUnserved);

    /// <summary>No request of it waits.</summary>
    public bool IsIdle => Array.TrueForAll(_sessions, session => session.Depth == 0);

    /// <summary>
    /// Whether requests were given up since the last call and not one batch ran: then the profile may be what is wrong.
    /// </summary>
    public bool IsStarved()
    {
        var given = _sessions.Sum(session => session.Counts.Dropped + session.Counts.Refused);
        var ran = _sessions.Sum(session => session.Counts.Batches.Sum());
        var isStarved = given > _givenUp && ran == _ran;
        (_givenUp, _ran) = (given, ran);
        return isStarved;
    }

    /// <summary>Claims the one load that may be under way; false when another has it.</summary>
    public bool TryBeginLoad() => Interlocked.CompareExchange(ref _loads, 1, 0) == 0;

    public void EndLoad() => Interlocked.Exchange(ref _loads, 0);

    /// <summary>A request of the model's own class is on its way.</summary>
    public void Expect()
    {
        foreach (var seat in Own.Seats)
        {
            seat.Resident.Replica.Expect();
        }
    }

    private static TensorMetadata Describe(TensorSpec spec) => new(spec.Name, spec.Type, [.. spec.Shape]);

    private LiveSessionOptions Options(WorkClass workClass)
    {
        var configuration = Source.Configuration;
        var isOwn = workClass == configuration.Class;
        return new LiveSessionOptions
        {
            Name = isOwn ? Name : $"{Name}:{MetricsPage.NameOf(workClass)}",
            Model = Name,
            Class = workClass,
            Objective = configuration.ObjectiveMs > 0 ? TimeSpan.FromMilliseconds(configuration.ObjectiveMs) : null,
            IsPlanned = isOwn && configuration.ObjectiveMs > 0,
            ExpectedRate = isOwn ? configuration.ExpectedRate : 0,
            QueueCapacity = configuration.QueueCapacity,
            IsBatched = IsBatched,
            MaxBatch = isOwn && IsBatched ? Math.Max(1, configuration.MaxBatchSize) : 1,
            Pinned = configuration.Devices,
        };
    }
}
