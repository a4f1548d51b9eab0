using System.Runtime.CompilerServices;

namespace Atoll.Serving;

/// <summary>How requests enter a session, or are refused.</summary>
internal sealed partial class LiveSession
{
    /// <summary>
    /// Waits for a batch, runs in it, and gives the outputs to the caller to dispose. To be awaited once.
    /// </summary>
    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellation)
    {
        var refusal = TryEnter(request, out var live);
        if (live is null)
        {
            return refusal.Status == InferenceStatus.NotAdmitted && Defers(request)
                ? Late!.InferAsync(request, cancellation)
                : new ValueTask<InferenceOutcome>(refusal);
        }

        Wake();
        live.LeaveWith(cancellation);
        return live.MayDefer ? DeferringAsync(live, request, cancellation) : live.Completion;
    }

    /// <summary>A client that names its own deadline wants no answer after it.</summary>
    public bool Defers(InferenceRequest request) => Late is not null && request.Deadline == 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<InferenceOutcome> DeferringAsync(
        LiveRequest live, InferenceRequest request, CancellationToken cancellation)
    {
        var outcome = await live.Completion;
        if (outcome.Outputs is not null)
        {
            return outcome;
        }

        var (isDeferred, entered) = (live.IsDeferred, live.Entered);
        Return(live);
        return isDeferred ? await DeferAsync(request, entered, cancellation) : outcome;
    }

    /// <summary>Hands the request on; the time that it waited here counts as waiting.</summary>
    private async ValueTask<InferenceOutcome> DeferAsync(
        InferenceRequest request, TimeSpan entered, CancellationToken cancellation)
    {
        var waited = Now - entered;
        var outcome = await Late!.InferAsync(request, cancellation);
        return outcome with { Timing = outcome.Timing with { Queued = waited + outcome.Timing.Queued } };
    }

    private InferenceOutcome TryEnter(InferenceRequest request, out LiveRequest? entered)
    {
        entered = null;
        var now = Now;
        var rows = Options.IsBatched ? RowsOf(request) : 1;
        Counts.Arrive();
        lock (_lock)
        {
            if (rows < 1 || rows > Options.MaxRows)
            {
                Counts.Refuse();
                return new InferenceOutcome(InferenceStatus.Rejected, null, RowFault(rows));
            }

            Rate.Count(now, rows);
            var times = Times(request, now);
            if (SessionAdmission.WhyNot(this, _seats, (now, times.Deadline), (rows, _queue.Rows)) is { } reason)
            {
                CountRefusal(request);
                return new InferenceOutcome(InferenceStatus.NotAdmitted, null, reason);
            }

            var live = _free.TryPop(out var used) ? used : new LiveRequest(this);
            live.Begin(request, _nextId++, rows, times);
            live.Entered = now;
            if (!_queue.TryEnqueue(live.Queued))
            {
                Counts.Refuse();
                _free.Push(live);
                return new InferenceOutcome(InferenceStatus.QueueFull, null,
                    $"{_queue.Count} requests wait for session '{Name}' (setting queue_capacity of config.json)");
            }

            _waiting.Add(live.Id, live);
            foreach (var seat in _seats)
            {
                seat.Group.LookAgain_NeedsLock();
            }

            entered = live;
            return default;
        }
    }

    private void CountRefusal(InferenceRequest request)
    {
        if (Defers(request))
        {
            Counts.Defer();
        }
        else
        {
            Counts.Refuse();
        }
    }

    /// <summary>Rows that the request brings; -1 when its inputs disagree.</summary>
    private static int RowsOf(InferenceRequest request)
    {
        var rows = request.Inputs[0].Shape[0];
        foreach (var input in request.Inputs)
        {
            if (input.Shape[0] != rows)
            {
                return -1;
            }
        }

        return rows > int.MaxValue ? int.MaxValue : (int)rows;
    }

    private string RowFault(int rows) => rows < 0
        ? "the first dimensions of the inputs differ"
        : $"the first dimension is {rows}; 1 to {Options.MaxRows} are possible (setting max_batch_size of " +
            $"config.json)";

    private (TimeSpan Arrival, TimeSpan Deadline) Times(InferenceRequest request, TimeSpan now)
    {
        var arrival = request.Arrival == 0 ? now : _clock.GetElapsedTime(_origin, request.Arrival);
        var promised = arrival + (Options.Objective ?? LiveSessionOptions.Patience);
        if (request.Deadline == 0)
        {
            return (arrival, promised);
        }

        // The client's own deadline counts, be it nearer or, where it names an objective of its own, farther.
        return (arrival, _clock.GetElapsedTime(_origin, request.Deadline));
    }
}
