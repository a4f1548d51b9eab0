using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Where one version of a model is in its life: Loading, then Ready or Failed for good.</summary>
public enum ModelState
{
    Loading,
    Ready,
    Failed,
}

/// <summary>
/// One version of a model in the repository: its state, and when ready the model, its queues and its counts. State
/// moves once, from loading; readers see the model only after it.
/// </summary>
internal sealed class ModelEntry(ModelSource source, TimeProvider clock)
{
    private AdmissionQueue[] _queues = [];
    private volatile ModelState _state;

    public string Name => source.Name;

    public string Version => source.Version;

    public ModelSource Source => source;

    public ModelState State => _state;

    /// <summary>Why the model is not ready; empty when it is.</summary>
    public string Reason { get; private set; } = "loading";

    public ModelConfiguration Configuration { get; private set; } = new();

    public IServedModel? Model { get; private set; }

    public ModelMetrics Metrics { get; } = new();

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

    /// <summary>Waits for an instance, runs the request and counts how it ended.</summary>
    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation)
    {
        var arrived = clock.GetTimestamp();
        var queue = Queue(request.Class);
        var status = await queue.EnterAsync(request.Priority, request.Deadline, cancellation);
        var queued = clock.GetElapsedTime(arrived);
        if (status != InferenceStatus.Completed)
        {
            Metrics.Of(request.Class).Add(status, queued, queued);
            return new InferenceOutcome(status);
        }

        var outcome = await RunAsync(request, queue, cancellation);
        Metrics.Of(request.Class).Add(outcome.Status, queued, clock.GetElapsedTime(arrived));
        return outcome;
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

        return outcome.Outputs is null
            ? outcome
            : outcome with { Outputs = new SlotOutputs(outcome.Outputs, queue) };
    }

    private bool IsPast(long deadline) => deadline != 0 && clock.GetTimestamp() >= deadline;

    /// <summary>Outputs whose disposal also gives the request's slot back.</summary>
    private sealed class SlotOutputs(IInferenceOutputs outputs, AdmissionQueue queue) : IInferenceOutputs
    {
        private int _disposed;

        public ReadOnlySpan<long> Shape(int output) => outputs.Shape(output);

        public ReadOnlySpan<byte> Data(int output) => outputs.Data(output);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                outputs.Dispose();
                queue.Leave();
            }
        }
    }
}
