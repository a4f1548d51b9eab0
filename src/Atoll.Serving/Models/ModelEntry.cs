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

    public IServedModel? Model { get; private set; }

    public ModelMetrics Metrics { get; } = new();

    public InferenceStatistics Statistics { get; }

    /// <summary>Tells whether the files or the configuration have changed since this entry was loaded.</summary>
    public string Stamp { get; init; } = "";

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
            new(model.Slots(WorkClass.RealTime), configuration.QueueCapacity, _clock),
            new(model.Slots(WorkClass.BestEffort), configuration.QueueCapacity, _clock),
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

    /// <summary>Lets no new work in, waits for the last of the old, then frees the model and its memory.</summary>
    public async Task RetireAsync()
    {
        lock (_lock)
        {
            if (_state == ModelState.Failed)
            {
                Reason = "unloaded";
                _state = ModelState.Unloaded;
            }

            if (_state != ModelState.Ready)
            {
                return;
            }

            _state = ModelState.Unloading;
            Reason = "unloading";
            if (_uses == 0)
            {
                _drained.TrySetResult();
            }
        }

        await _drained.Task;
        await Model!.DisposeAsync();
        Reason = "unloaded";
        _state = ModelState.Unloaded;
    }

    /// <summary>
    /// Waits for an instance, runs the request and counts how it ended; a success counts when its outputs are given
    /// back. The model stays loaded until then. A model of several answers refuses.
    /// </summary>
    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation) =>
        _execution.InferAsync(request, cancellation);

    /// <summary>
    /// The answers to a request one after another, one for most models. Each must be disposed; one that is not
    /// completed is the last.
    /// </summary>
    public IAsyncEnumerable<InferenceOutcome> StreamAsync(InferenceRequest request, CancellationToken cancellation) =>
        _execution.StreamAsync(request, cancellation);
}
