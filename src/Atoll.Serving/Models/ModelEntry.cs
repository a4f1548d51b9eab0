using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// Where one version of a model is in its life: Loading, then Ready or Failed; from Ready to Unloading while requests
/// in flight end, then Unloaded. A version that is loaded again is a new entry.
/// </summary>
public enum ModelState
{
    Loading,
    Ready,
    Failed,
    Unloading,
    Unloaded,
}

/// <summary>
/// One version of a model in the repository: its state, and when ready the model, its queues and its counts. Who works
/// with the model holds a use of it, so that it is not taken away meanwhile. Thread-safe.
/// </summary>
internal sealed class ModelEntry
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AdmissionQueue[] _queues = [];
    private volatile ModelState _state;
    private readonly TimeProvider _clock;
    private readonly ModelExecution _execution;
    private TaskCompletionSource? _retired;
    private int _uses;

    public ModelEntry(ModelSource source, TimeProvider clock)
    {
        (Source, _clock) = (source, clock);
        NumericVersion = long.Parse(source.Version);
        Statistics = new InferenceStatistics(clock);
        _execution = new ModelExecution(this, clock);
    }

    public string Name => Source.Name;

    public string Version => Source.Version;

    public ModelSource Source { get; }

    public ModelState State => _state;

    /// <summary>Why the model is not ready; empty when it is.</summary>
    public string Reason { get; private set; } = "loading";

    public ModelConfiguration Configuration { get; private set; } = new();

    /// <summary>Null before it is loaded and once it is unloaded.</summary>
    public IServedModel? Model { get; private set; }

    /// <summary>The query that it is, also behind inputs that the server fills; null: it is a model.</summary>
    public PipelineModel? Query => (Model is BoundModel bound ? bound.Inner : Model) as PipelineModel;

    public ModelMetrics Metrics { get; } = new();

    public InferenceStatistics Statistics { get; }

    /// <summary>Tells whether the files or the configuration have changed since this entry was loaded.</summary>
    public string Stamp { get; init; } = "";

    /// <summary>Stamp of the last attempt to load this version that failed, be it this entry or a successor.</summary>
    public string? FailedStamp { get; set; }

    /// <summary>It was unloaded because a model that it runs was: it comes back with that model.</summary>
    public bool AwaitsModel { get; set; }

    /// <summary>The model and nothing else of it may be forgotten: it neither serves nor changes now.</summary>
    public bool IsIdle => _state is ModelState.Failed or ModelState.Unloaded;

    public long NumericVersion { get; }

    /// <summary>Class labels of the outputs that have them, by output name.</summary>
    public IReadOnlyDictionary<string, string[]> Labels { get; set; } = new Dictionary<string, string[]>();

    /// <summary>A request may have several answers: it is asked as a stream.</summary>
    public bool IsDecoupled => (Model as BoundModel)?.Iteration is not null;

    public AdmissionQueue Queue(WorkClass workClass) => _queues[(int)workClass];

    public void Succeed(IServedModel model, ModelConfiguration configuration)
    {
        Model = model;
        Configuration = configuration;
        _queues =
        [
            new(model.Slots(WorkClass.RealTime), configuration.QueueCapacity, _clock, WorkClass.RealTime),
            new(model.Slots(WorkClass.BestEffort), configuration.QueueCapacity, _clock, WorkClass.BestEffort),
        ];
        Reason = "";
        _state = ModelState.Ready;
    }

    public void Fail(string reason)
    {
        Reason = reason;
        _state = ModelState.Failed;
    }

    /// <summary>Takes a use, to be given back by <see cref="EndUse"/>; false unless the model is ready.</summary>
    public bool TryUse()
    {
        lock (_lock)
        {
            if (_state != ModelState.Ready)
            {
                return false;
            }

            _uses++;
            return true;
        }
    }

    /// <summary>
    /// Takes one more use for who holds one already: it is given even while the version is being unloaded, which waits
    /// for it.
    /// </summary>
    public void ExtendUse()
    {
        lock (_lock)
        {
            if (_uses == 0)
            {
                throw new InvalidOperationException($"model '{Name}' version {Version} is used without a hold on it");
            }

            _uses++;
        }
    }

    public void EndUse()
    {
        lock (_lock)
        {
            if (--_uses == 0 && _state == ModelState.Unloading)
            {
                _drained.TrySetResult();
            }
        }
    }

    /// <summary>
    /// Lets no new work in, waits for the last of the old and for <paramref name="users"/>, then frees the model and
    /// its memory.
    /// </summary>
    /// <param name="reason">What is told of the entry from then on.</param>
    public Task RetireAsync(string reason, Task users)
    {
        lock (_lock)
        {
            if (IsIdle)
            {
                Reason = reason;
                _state = ModelState.Unloaded;
            }

            if (_state != ModelState.Ready)
            {
                return _retired?.Task ?? Task.CompletedTask;
            }

            _retired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _state = ModelState.Unloading;
            Reason = "unloading";
            if (_uses == 0)
            {
                _drained.TrySetResult();
            }
        }

        _ = FreeAsync(reason, users);
        return _retired.Task;
    }

    /// <summary>
    /// Waits for an instance, runs the request and counts how it ended; a success counts when its outputs are given
    /// back. The model stays loaded until then. The caller holds a use. A model of several answers refuses.
    /// </summary>
    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation) =>
        _execution.InferAsync(request, cancellation);

    /// <summary>
    /// The answers to a request one after another, one for most models. Each must be disposed; one that is not
    /// completed is the last. The caller holds a use until the end.
    /// </summary>
    public IAsyncEnumerable<InferenceOutcome> StreamAsync(InferenceRequest request, CancellationToken cancellation) =>
        _execution.StreamAsync(request, cancellation);

    private async Task FreeAsync(string reason, Task users)
    {
        Exception? fault = null;
        try
        {
            await _drained.Task;
            await users;
            var model = Model!;
            (Model, Labels) = (null, new Dictionary<string, string[]>());
            await model.DisposeAsync();
        }
        catch (Exception e)
        {
            // Whoever waits is told.
            fault = e;
        }

        Reason = reason;
        _state = ModelState.Unloaded;
        if (fault is null)
        {
            _retired!.SetResult();
        }
        else
        {
            _retired!.SetException(fault);
        }
    }
}
