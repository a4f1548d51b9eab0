using System.Runtime.CompilerServices;

namespace Atoll.Serving;

/// <summary>
/// Runs the requests of one version: turn in the sequence, place in the queue, the model, classes, counts. The caller
/// holds a use of the version while it calls; outputs hold one of their own until they are disposed. Thread-safe.
/// </summary>
internal sealed class ModelExecution(ModelEntry entry, TimeProvider clock)
{
    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation)
    {
        entry.ExtendUse();
        InferenceOutcome outcome = default;
        try
        {
            var arrived = clock.GetTimestamp();
            outcome = Refusal(request) ?? await InTurnAsync(request, arrived, cancellation);
            if (outcome.Outputs is null)
            {
                CountFailure(request, outcome.Status, arrived);
            }

            return outcome;
        }
        finally
        {
            if (outcome.Outputs is null)
            {
                entry.EndUse();
            }
        }
    }

    public async IAsyncEnumerable<InferenceOutcome> StreamAsync(
        InferenceRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (entry.Model is not BoundModel { Iteration: { } iteration } model)
        {
            yield return await InferAsync(request, cancellation);
            yield break;
        }

        entry.ExtendUse();
        var run = new IteratedRun(entry, model, clock);
        var isCounted = false;
        try
        {
            request.State = new ModelStateSet(model.Initial);
            for (var continues = true; continues;)
            {
                InferenceOutcome outcome;
                (outcome, continues) = run.Count < iteration.MaxIterations
                    ? await run.NextAsync(this, request, cancellation)
                    : (new InferenceOutcome(InferenceStatus.Failed, null,
                        $"there are more than {iteration.MaxIterations} answers (max_iterations of iteration)"), false);
                if (outcome.Outputs is null)
                {
                    isCounted = true;
                    CountFailure(request, outcome.Status, run.Arrived);
                }

                yield return outcome;
            }

            if (!isCounted)
            {
                isCounted = true;
                run.CountRequest(request);
            }
        }
        finally
        {
            if (!isCounted)
            {
                // Whoever asked went away between two answers.
                CountFailure(request, InferenceStatus.Cancelled, run.Arrived);
            }

            entry.EndUse();
        }
    }

    /// <summary>
    /// One admitted run of the model; the outputs hold the slot of the queue until they are disposed.
    /// </summary>
    public async ValueTask<(InferenceOutcome Outcome, TimeSpan Queued)> RunAsync(
        InferenceRequest request, CancellationToken cancellation)
    {
        var arrived = clock.GetTimestamp();
        var queue = entry.Queue(request.Class);
        var status = await queue.EnterAsync(request.Priority, request.Deadline, cancellation);
        var queued = clock.GetElapsedTime(arrived);
        if (status != InferenceStatus.Completed)
        {
            return (new InferenceOutcome(status), queued);
        }

        var outcome = new InferenceOutcome(InferenceStatus.Failed);
        try
        {
            outcome = await entry.Model!.InferAsync(request, cancellation);
            if (IsPast(request.Deadline) && outcome.Status is InferenceStatus.Completed or InferenceStatus.Cancelled)
            {
                outcome.Outputs?.Dispose();
                if (outcome.Status == InferenceStatus.Completed)
                {
                    // Nobody waits for the answer any more, but the device has run.
                    queued += outcome.Timing.Queued;
                    var ran = clock.GetElapsedTime(arrived) - queued - outcome.Timing.Input;
                    entry.Statistics.AddExecution(outcome.Timing, ItemsOf(entry, request),
                        new RequestTimes(queued, outcome.Timing.Input, ran, TimeSpan.Zero));
                }

                outcome = new InferenceOutcome(InferenceStatus.Late);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            outcome = GivenUp(request);
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

        return (outcome, queued);
    }

    private async ValueTask<InferenceOutcome> InTurnAsync(
        InferenceRequest request, long arrived, CancellationToken cancellation)
    {
        if ((entry.Model as BoundModel)?.Sequences is not { } sequences)
        {
            return await CountedAsync(request, arrived, cancellation);
        }

        var (turn, refusal) = await sequences.EnterAsync(request.Sequence, cancellation);
        if (turn is null)
        {
            return refusal.Status == InferenceStatus.Cancelled ? GivenUp(request) : refusal;
        }

        try
        {
            request.State = turn.State;
            return await CountedAsync(request, arrived, cancellation);
        }
        finally
        {
            turn.Leave();
        }
    }

    private async ValueTask<InferenceOutcome> CountedAsync(
        InferenceRequest request, long arrived, CancellationToken cancellation)
    {
        var waited = clock.GetElapsedTime(arrived);
        var (outcome, queued) = await RunAsync(request, cancellation);
        if (outcome.Outputs is null)
        {
            return outcome;
        }

        var total = clock.GetElapsedTime(arrived);
        queued += waited + outcome.Timing.Queued;
        entry.Metrics.Of(request.Class).Add(outcome.Status, queued, total);
        var counted = new CountedOutputs(entry, clock, request, outcome)
        {
            Times = new RequestTimes(
                queued, outcome.Timing.Input, total - queued - outcome.Timing.Input, TimeSpan.Zero),
        };
        return outcome with { Outputs = Classification.Apply(entry, request, counted) };
    }

    private InferenceOutcome? Refusal(InferenceRequest request)
    {
        var reason = entry.IsDecoupled
            ? "this request doesn't support models with decoupled transaction policy; ask for a stream"
            : WrongBatch(request);
        return reason is null ? null : new InferenceOutcome(InferenceStatus.Rejected, null, reason);
    }

    private string? WrongBatch(InferenceRequest request)
    {
        var most = entry.Configuration.MaxBatchSize;
        if (most == 0)
        {
            return null;
        }

        var items = ItemsOf(entry, request);
        if (items < 1 || items > most)
        {
            return items < 1 ? "inference request batch-size must be >= 1"
                : $"inference request batch-size must be <= {most} for '{entry.Name}'";
        }

        return Array.TrueForAll(request.Inputs, input => input.Shape is [var first, ..] && first == items)
            ? null
            : "the inputs of a request must have the same first dimension, its batch size";
    }

    private void CountFailure(InferenceRequest request, InferenceStatus status, long arrived)
    {
        var total = clock.GetElapsedTime(arrived);
        entry.Metrics.Of(request.Class).Add(status, total, total);
        entry.Statistics.AddFailure(total);
    }

    /// <summary>How a request ends that was cancelled: at its deadline it is late.</summary>
    public InferenceOutcome GivenUp(InferenceRequest request) =>
        new(IsPast(request.Deadline) ? InferenceStatus.Late : InferenceStatus.Cancelled);

    private bool IsPast(long deadline) => deadline != 0 && clock.GetTimestamp() >= deadline;

    /// <summary>Items of a request: its first dimension where the model has a batch dimension.</summary>
    private static int ItemsOf(ModelEntry entry, InferenceRequest request) =>
        entry.Configuration.MaxBatchSize > 0 && request.Inputs is [{ Shape: [var items, ..] }, ..]
            ? (int)long.Min(items, int.MaxValue) : 1;

    /// <summary>Outputs whose disposal gives the request's slot and use back and counts the request.</summary>
    private sealed class CountedOutputs(
        ModelEntry entry, TimeProvider clock, InferenceRequest request, InferenceOutcome outcome) : IInferenceOutputs
    {
        private readonly long _ended = clock.GetTimestamp();
        private readonly int _items = ItemsOf(entry, request);
        private readonly AdmissionQueue _queue = entry.Queue(request.Class);
        private int _disposed;

        public required RequestTimes Times { get; init; }

        public ReadOnlySpan<long> Shape(int output) => outcome.Outputs!.Shape(output);

        public ReadOnlySpan<byte> Data(int output) => outcome.Outputs!.Data(output);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                outcome.Outputs!.Dispose();
                _queue.Leave();
                var times = Times with { Output = clock.GetElapsedTime(_ended) };
                entry.Statistics.AddRequest(_items, times);
                entry.Statistics.AddExecution(outcome.Timing, _items, times);
                entry.EndUse();
            }
        }
    }
}
