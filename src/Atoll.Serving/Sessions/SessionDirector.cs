using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>
/// Serves models in sessions on several devices: loads and measures them, plans which device runs which session with
/// which batch, and plans anew when the load changes. Moves never fail a request: those that wait stay in the session's
/// queue, those that run hold their replica. Thread-safe.
/// </summary>
public sealed partial class SessionDirector : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly long _origin;
    private readonly ServingDevice[] _devices;
    private readonly List<HostedModel> _models = [];
    private readonly List<PipelineModel> _queries = [];
    private readonly SemaphoreSlim _planning = new(1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly SessionPlanning _plans;
    private readonly EpochTrigger _trigger;
    private readonly UnitPlacement _placement;
    private readonly UnitGrouping _grouping;
    private readonly ConstantPool _constants = new();
    private Task _ticking = Task.CompletedTask;

    /// <param name="backends">At least one, with unique names; owned by the director from then on.</param>
    public SessionDirector(
        IReadOnlyList<IBackend> backends, SessionDirectorOptions options, TimeProvider clock, ILoggerFactory loggers)
    {
        ArgumentOutOfRangeException.ThrowIfZero(backends.Count);
        (_clock, Options) = (clock, options);
        _logger = loggers.CreateLogger<SessionDirector>();
        _origin = clock.GetTimestamp();
        _devices = [.. backends.Select(backend => new ServingDevice(backend, clock, _origin))];
        _plans = new SessionPlanning(_devices, options);
        _trigger = new EpochTrigger(options);
        _placement = new UnitPlacement(_devices, _planning);
        _grouping = new UnitGrouping(options.PrefixShare, _placement, _logger);
    }

    public SessionDirectorOptions Options { get; }

    /// <summary>The plan in force.</summary>
    public ServingPlan Plan => _plans.Current;

    /// <summary>Sessions, devices and queries as they are now.</summary>
    public DirectorStatus Status => StatusReading.Of(this);

    internal IReadOnlyList<ServingDevice> Devices => _devices;

    internal IReadOnlyList<HostedModel> Models
    {
        get
        {
            lock (_lock)
            {
                return [.. _models];
            }
        }
    }

    internal IReadOnlyList<PipelineModel> Queries
    {
        get
        {
            lock (_lock)
            {
                return [.. _queries];
            }
        }
    }

    internal TimeSpan Now => _clock.GetElapsedTime(_origin);

    /// <summary>
    /// Begins to read rates and to plan; before that, plans are made only when a model comes or goes.
    /// </summary>
    public void Start() => _ticking = TickAsync(_stopping.Token);

    /// <summary>Reads, compiles, loads and measures a model, and serves it.</summary>
    /// <exception cref="ModelException">The file or a program of it is wrong.</exception>
    /// <exception cref="ServingException">The model cannot be served as configured.</exception>
    /// <exception cref="DeviceException">It fits no device.</exception>
    public async Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, ModelLimits limits, CancellationToken cancellationToken)
    {
        var graph = OnnxModel.Load(source.Path, limits).Graph;
        cancellationToken.ThrowIfCancellationRequested();
        var sizes = BatchSizes.UpTo(Math.Max(1, configuration.MaxBatchSize)).Count;
        if (Options.PrefixShare > 0)
        {
            _constants.Share(graph);
        }

        var options = new CompileOptions
        {
            Limits = limits, PlanCacheCapacity = sizes + 1, Tuning = Options.Tuning,
        };
        var compiled = ModelCompiler.Compile(graph, options);
        var whole = new WholeModel(compiled, options, _grouping.CandidateOf(graph, compiled));
        var model = new HostedModel(source, configuration, whole, (_clock, _origin));
        try
        {
            SessionChecks.Require(source, configuration, whole, _devices);
            return await HostAsync(model, cancellationToken);
        }
        catch (DeviceException e) when (e.Error is DeviceError.OutOfMemory or DeviceError.ClientBudgetExceeded)
        {
            whole.Dispose();
            return await LoadStagedAsync(model, graph, (source, configuration), e, cancellationToken);
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Sets the load that sessions are promised, in rows per second by session name, and plans for it.
    /// </summary>
    public Task ExpectAsync(IReadOnlyDictionary<string, double> rates, CancellationToken cancellationToken)
    {
        foreach (var session in Models.SelectMany(model => model.Sessions))
        {
            session.ExpectedRate = rates.GetValueOrDefault(session.Name, session.ExpectedRate);
        }

        return PlanAsync("the expected load changed", cancellationToken);
    }

    /// <summary>
    /// The largest factor by which these rates, in rows per second by session name, can be multiplied so that a
    /// plan from what batches take now still carries them all.
    /// </summary>
    public double PlannedCapacity(IReadOnlyDictionary<string, double> rates)
    {
        var models = SessionPlanning.Newest(Models);
        var packing = new SessionPacking(models, _devices, Options);
        var loads = SessionPlanning.PlannedGroups(models).Select(group => group.Load.Session with
        {
            Rate = group.Sessions.Sum(session => rates.GetValueOrDefault(session.Name)),
        });
        return packing.Capacity([.. loads]);
    }

    /// <summary>Loads and serves a model; owns it from then on.</summary>
    private async Task<IServedModel> HostAsync(HostedModel model, CancellationToken cancellation)
    {
        foreach (var session in model.Sessions)
        {
            session.OnUnserved = _ => StartLoad(model);
        }

        using var turn = await _grouping.EnterAsync(cancellation);
        try
        {
            await _grouping.GroupAsync([.. Models, model], cancellation);
            if (model.Unit == model.Alone)
            {
                await _placement.PlaceFirstAsync(model.Alone, cancellation);
            }

            lock (_lock)
            {
                _models.Add(model);
            }

            await PlanAsync("a model came", cancellation);
        }
        catch
        {
            // The others may be grouped with it, or evicted for it.
            await TakeAwayAsync(model);
            throw;
        }

        if (model.Unit.BatchLimit is { } limit)
        {
            LogBatchLimit(model.Unit.Name, model.Unit.Configuration.MaxBatchSize, limit);
        }

        return new SessionModel(this, model);
    }

    /// <summary>Serves the model no more: what waits is cancelled, what runs ends first.</summary>
    internal async ValueTask RemoveAsync(HostedModel model)
    {
        using var turn = await _grouping.EnterAsync(CancellationToken.None);
        await TakeAwayAsync(model);
    }

    /// <summary>The models that stay are grouped and planned for without it.</summary>
    private async Task TakeAwayAsync(HostedModel model)
    {
        lock (_lock)
        {
            _models.Remove(model);
        }

        model.HasLeft = true;
        if (!_stopping.IsCancellationRequested)
        {
            await _grouping.GroupAsync(Models, CancellationToken.None);
        }

        await ReplanAsync("a model left");
        foreach (var session in model.Sessions)
        {
            session.OnUnserved = null;
            session.Serve([]);
            session.Abandon($"model '{model.Name}' is unloaded");
        }

        await _grouping.LeaveAsync(model, Models);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _ticking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var query in Queries)
        {
            await RemoveAsync(query);
        }

        foreach (var model in Models)
        {
            await RemoveAsync(model);
        }

        foreach (var device in _devices)
        {
            await device.DisposeAsync();
        }

        _stopping.Dispose();
        _planning.Dispose();
        _grouping.Dispose();
    }

    /// <summary>One look at rates and profiles; plans when it is due.</summary>
    internal async Task LookAsync(CancellationToken cancellation)
    {
        var models = Models;
        foreach (var model in models)
        {
            foreach (var session in model.Sessions)
            {
                session.ReadRate();
            }
        }

        foreach (var unit in models.Select(model => model.Unit).Distinct())
        {
            var isStarved = unit.IsStarved();
            foreach (var profile in unit.Profiles.Values)
            {
                profile.Correct(isStarved);
            }
        }

        var loads = models.SelectMany(model => model.Sessions).Where(session => session.Options.IsPlanned)
            .Select(session => new SessionLoad(_plans.PlannedRate(session), session.RecentRate, session.RowsEach));
        if (_trigger.IsDue(Now, [.. loads]))
        {
            await PlanAsync("the load changed or the epoch ended", cancellation);
        }
    }

    /// <summary>Makes a plan and puts it into force: replicas first, then lanes, then sessions.</summary>
    internal async Task PlanAsync(string why, CancellationToken cancellation)
    {
        await _planning.WaitAsync(cancellation);
        try
        {
            var replaced = _grouping.Retired;
            var models = Models;
            var plan = _plans.Make(models);
            if (replaced.Count > 0)
            {
                // What came in their place serves at once: to load the rest may take them away.
                _plans.PutInForce(_plans.Current, models);
            }

            await _placement.LoadPlannedAsync(models, plan, cancellation);
            _plans.PutInForce(plan, models);
            await _grouping.RetireAsync(replaced);
            _trigger.Planned(Now);
            LogPlanned(why, plan.Devices.Count, plan.Moves, plan.Unplaced.Count);
        }
        finally
        {
            _planning.Release();
        }
    }

    /// <summary>Plans for those who stay; what left is taken away even where no plan can be made.</summary>
    private async Task ReplanAsync(string why)
    {
        try
        {
            await PlanAsync(why, CancellationToken.None);
        }
        catch (Exception e) when (e is DeviceException or ModelException or ServingException)
        {
            LogPlanFailed(e.Message);
        }
    }

    private async Task TickAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Options.Tick, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                try
                {
                    await LookAsync(cancellation);
                }
                catch (Exception e) when (e is not OperationCanceledException and not OutOfMemoryException)
                {
                    // The plan in force stays, whatever went wrong; the next look tries again.
                    LogPlanFailed(e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }

    [LoggerMessage(EventId = 30, Level = LogLevel.Debug,
        Message = "Planned, because {Why}: {Devices} devices in use, {Moves} moves, {Unplaced} sessions short")]
    private partial void LogPlanned(string why, int devices, int moves, int unplaced);

    [LoggerMessage(EventId = 34, Level = LogLevel.Warning,
        Message = "Model {Name} gets smaller batches than {Rows} rows (setting max_batch_size), and larger requests " +
            "run in parts: {Reason}")]
    private partial void LogBatchLimit(string name, int rows, string reason);

    [LoggerMessage(EventId = 31, Level = LogLevel.Warning, Message = "The plan could not be carried out: {Reason}")]
    private partial void LogPlanFailed(string reason);
}
