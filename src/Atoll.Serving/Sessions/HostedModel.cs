using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model that the director hosts: its graph and its sessions. The first session is the one
/// that the model's configuration describes, the second takes single requests of the other class, and every stage of a
/// query that runs the model has one of its own. Where late requests are served, one more takes those.
/// </summary>
internal sealed class HostedModel
{
    private readonly Func<LiveSessionOptions, LiveSession> _open;
    private volatile LiveSession[] _sessions;
    private int _loads;
    private long _givenUp;
    private long _ran;
    private volatile HostedUnit _unit;

    public HostedModel(
        ModelSource source, ModelConfiguration configuration, WholeModel whole, (TimeProvider Clock, long Origin) time)
    {
        (Configuration, Whole) = (configuration, whole);
        IsBatched = BatchSizes.WhyNot(whole.Inputs, whole.Outputs) is null;
        Name = source.Version == "1" ? source.Name : $"{source.Name}/{source.Version}";
        Metadata = new ModelMetadata
        {
            Name = source.Name,
            Version = source.Version,
            Inputs = [.. whole.Inputs.Select(Describe)],
            Outputs = [.. whole.Outputs.Select(Describe)],
        };
        _unit = Alone = new HostedUnit(
            Name, [this], configuration, new UnitPrograms(source, whole, null, whole.Drop));
        _open = options => new LiveSession(options, time.Clock, time.Origin);
        var late = configuration.WhenLate == LateRequests.Serve ? _open(LateOptions()) : null;
        var other = configuration.Class == WorkClass.RealTime ? WorkClass.BestEffort : WorkClass.RealTime;
        var own = new LiveSession(Options(configuration.Class), time.Clock, time.Origin) { Late = late };
        _sessions = late is null ? [own, _open(Options(other))] : [own, _open(Options(other)), late];
    }

    public string Name { get; }

    public bool IsBatched { get; }

    public ModelConfiguration Configuration { get; }

    public WholeModel Whole { get; }

    /// <summary>The model by itself, as a unit.</summary>
    public HostedUnit Alone { get; }

    /// <summary>The unit that serves it: itself, or one with models that begin alike.</summary>
    public HostedUnit Unit
    {
        get => _unit;
        set => _unit = value;
    }

    public ModelMetadata Metadata { get; }

    public IReadOnlyList<LiveSession> Sessions => _sessions;

    /// <summary>The session that the model's configuration describes.</summary>
    public LiveSession Own => _sessions[0];

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
        var given = _sessions.Sum(session => session.Counts.Dropped + session.Counts.Deferred + session.Counts.Refused);
        var ran = _sessions.Sum(session => session.Counts.Ran);
        RanNothing = ran == _ran;
        var isStarved = given > _givenUp && RanNothing;
        (_givenUp, _ran) = (given, ran);
        return isStarved;
    }

    /// <summary>It is being taken away.</summary>
    public bool HasLeft { get; set; }

    /// <summary>No batch ran between the last two calls of <see cref="IsStarved"/>.</summary>
    public bool RanNothing { get; private set; }

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

    /// <summary>Of what could not be answered in time: last of all best-effort work, with no promise.</summary>
    private LiveSessionOptions LateOptions() => Options(WorkClass.BestEffort) with
    {
        Name = $"{Name}:late",
        Objective = null,
        IsPlanned = false,
        DefersBatches = false,
        ExpectedRate = 0,
        Priority = ModelConfiguration.MaxPriority,
    };

    private LiveSessionOptions Options(WorkClass workClass)
    {
        var configuration = Configuration;
        var isOwn = workClass == configuration.Class;
        return new LiveSessionOptions
        {
            Name = isOwn ? Name : $"{Name}:{MetricsPage.NameOf(workClass)}",
            Model = Name,
            Class = workClass,
            Objective = configuration.ObjectiveMs > 0 ? TimeSpan.FromMilliseconds(configuration.ObjectiveMs) : null,
            DefersBatches = isOwn && configuration.DeferBatches,
            IsPlanned = isOwn && configuration.ObjectiveMs > 0,
            ExpectedRate = isOwn ? configuration.ExpectedRate : 0,
            QueueCapacity = configuration.QueueCapacity,
            IsBatched = IsBatched,
            MaxBatch = isOwn && IsBatched ? Math.Max(1, configuration.MaxBatchSize) : 1,
            MaxRows = IsBatched ? Math.Max(1, configuration.MaxBatchSize) : 1,
            Pinned = configuration.Devices,
        };
    }
}
