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
internal sealed class ModelEntry(ModelSource source, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AdmissionQueue[] _queues = [];
    private volatile ModelState _state;
    private int _uses;

    public string Name => source.Name;

    public string Version => source.Version;

    public ModelSource Source => source;

    public ModelState State => _state;

    /// <summary>Why the model is not ready; empty when it is.</summary>
    public string Reason { get; private set; } = "loading";

    public ModelConfiguration Configuration { get; private set; } = new();

    public IServedModel? Model { get; private set; }

    public ModelMetrics Metrics { get; } = new();

    public InferenceStatistics Statistics { get; } = new(clock);

    /// <summary>Tells whether the files or the configuration have changed since this entry was loaded.</summary>
    public string Stamp { get; init; } = "";

    public long NumericVersion { get; } = long.Parse(source.Version);

    public AdmissionQueue Queue(WorkClass workClass) => _queues[(int)workClass];

    public void Succeed(IServedModel model, ModelConfiguration configuration)
    {
        Model = model;
        Configuration = configuration;
        _queues =
        [
            new(model.Slots(WorkClass.RealTime), configuration.QueueCapacity, clock),
            new(model.Slots(WorkClass.BestEffort), configuration.QueueCapacity, clock),
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

    /// <summary>Items of a request: its first dimension where the model has a batch dimension.</summary>
    public int ItemsOf(InferenceRequest request) =>
        Configuration.MaxBatchSize > 0 && request.Inputs is [{ Shape: [var items, ..] }, ..] ? (int)items : 1;

    /// <summary>
    /// Waits for an instance, runs the request and counts how it ended; a success counts when its outputs are given
    /// back. The model stays loaded until then.
    /// </summary>
    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation)
    {
        if (!TryUse())
        {
            return new InferenceOutcome(InferenceStatus.Failed, null, "the model was unloaded");
        }

        InferenceOutcome outcome = default;
        try
        {
            return outcome = await CountedAsync(request, cancellation);
        }
        finally
        {
            if (outcome.Outputs is null)
            {
                EndUse();
            }
        }
    }

    private async ValueTask<InferenceOutcome> CountedAsync(InferenceRequest request, CancellationToken cancellation)
    {
        var arrived = clock.GetTimestamp();
        if (WrongBatch(request) is { } reason)
        {
            Metrics.Of(request.Class).Add(InferenceStatus.Rejected, TimeSpan.Zero, TimeSpan.Zero);
            Statistics.AddFailure(TimeSpan.Zero);
            return new InferenceOutcome(InferenceStatus.Rejected, null, reason);
        }

        var queue = Queue(request.Class);
        var status = await queue.EnterAsync(request.Priority, request.Deadline, cancellation);
        var queued = clock.GetElapsedTime(arrived);
        if (status != InferenceStatus.Completed)
        {
            Metrics.Of(request.Class).Add(status, queued, queued);
            Statistics.AddFailure(queued);
            return new InferenceOutcome(status);
        }

        var outcome = await RunAsync(request, queue, cancellation);
        var total = clock.GetElapsedTime(arrived);
        Metrics.Of(request.Class).Add(outcome.Status, queued + outcome.Timing.Queued, total);
        if (outcome.Outputs is null)
        {
            Statistics.AddFailure(total);
            return outcome;
        }

        return outcome with
        {
            Outputs = new CountedOutputs(this, queue, outcome)
            {
                Items = ItemsOf(request),
                Queued = queued,
                Total = total,
                Ended = clock.GetTimestamp(),
            },
        };
    }

    private string? WrongBatch(InferenceRequest request)
    {
        if (Configuration.MaxBatchSize == 0)
        {
            return null;
        }

        var items = ItemsOf(request);
        if (items < 1 || items > Configuration.MaxBatchSize)
        {
            return items < 1 ? "inference request batch-size must be >= 1"
                : $"inference request batch-size must be <= {Configuration.MaxBatchSize} for '{Name}'";
        }

        return Array.TrueForAll(request.Inputs, input => input.Shape is [var first, ..] && first == items)
            ? null
            : "the inputs of a request must have the same first dimension, its batch size";
    }

    private async ValueTask<InferenceOutcome> RunAsync(
        InferenceRequest request, AdmissionQueue queue, CancellationToken cancellation)
    {
        var outcome = new InferenceOutcome(InferenceStatus.Failed);
        try
        {
            outcome = await Model!.InferAsync(request, cancellation);
            if (IsPast(request.Deadline) && outcome.Status is InferenceStatus.Completed or InferenceStatus.Cancelled)
            {
                outcome.Outputs?.Dispose();
                outcome = new InferenceOutcome(InferenceStatus.Late);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            outcome = new InferenceOutcome(
                IsPast(request.Deadline) ? InferenceStatus.Late : InferenceStatus.Cancelled);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // One request's fault must not take the server down, whatever the model threw.
            outcome = new InferenceOutcome(InferenceStatus.Failed, null, e.Message);
        }
        finally
        {
            if (outcome.Outputs is null)
            {
                queue.Leave();
            }
        }

        return outcome;
    }

    private bool IsPast(long deadline) => deadline != 0 && clock.GetTimestamp() >= deadline;

    /// <summary>Outputs whose disposal gives the request's slot back and counts the request.</summary>
    private sealed class CountedOutputs(ModelEntry entry, AdmissionQueue queue, InferenceOutcome outcome)
        : IInferenceOutputs
    {
        private int _disposed;

        public required int Items { get; init; }

        public required TimeSpan Queued { get; init; }

        public required TimeSpan Total { get; init; }

        public required long Ended { get; init; }

        public ReadOnlySpan<long> Shape(int output) => outcome.Outputs!.Shape(output);

        public ReadOnlySpan<byte> Data(int output) => outcome.Outputs!.Data(output);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                outcome.Outputs!.Dispose();
                queue.Leave();
                entry.CountSuccess(this, outcome.Timing);
                entry.EndUse();
            }
        }
    }

    private void CountSuccess(CountedOutputs outputs, in InferenceTiming timing)
    {
        var queued = outputs.Queued + timing.Queued;
        var times = new RequestTimes(
            queued, timing.Input, outputs.Total - queued - timing.Input, clock.GetElapsedTime(outputs.Ended));
        Statistics.AddSuccess(outputs.Items, times, timing);
    }
}
