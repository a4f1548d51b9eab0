namespace Atoll.Serving;

/// <summary>How often something happened and how long it took in all.</summary>
internal readonly record struct DurationSum(long Count, long Nanoseconds)
{
    public DurationSum Plus(TimeSpan duration) =>
        new(Count + 1, Nanoseconds + duration.Ticks * TimeSpan.NanosecondsPerTick);
}

/// <summary>The parts of a successful request's time.</summary>
internal readonly record struct RequestTimes(TimeSpan Queue, TimeSpan Input, TimeSpan Infer, TimeSpan Output)
{
    public TimeSpan Total => Queue + Input + Infer + Output;
}

/// <summary>Sums over the executions of one batch size.</summary>
internal readonly record struct BatchSums(DurationSum Input, DurationSum Infer, DurationSum Output);

/// <summary>Sums over the responses of one index, for models that give several to a request.</summary>
internal readonly record struct ResponseSums(
    DurationSum Infer, DurationSum Output, DurationSum Success, DurationSum Fail, DurationSum Empty,
    DurationSum Cancel);

/// <summary>Everything that the statistics extension tells of one version, at one moment.</summary>
internal sealed record StatisticsSnapshot
{
    /// <summary>Milliseconds since 1970 of the last request; 0 = none yet.</summary>
    public long LastInference { get; init; }

    /// <summary>Items inferred: a request of a batch of n counts n.</summary>
    public long InferenceCount { get; init; }

    /// <summary>Runs on the device; fewer than the inferences where requests are batched.</summary>
    public long ExecutionCount { get; init; }

    public DurationSum Success { get; init; }

    public DurationSum Fail { get; init; }

    public DurationSum Queue { get; init; }

    public DurationSum Input { get; init; }

    public DurationSum Infer { get; init; }

    public DurationSum Output { get; init; }

    public IReadOnlyList<(int BatchSize, BatchSums Sums)> Batches { get; init; } = [];

    public IReadOnlyList<(int Index, ResponseSums Sums)> Responses { get; init; } = [];
}

/// <summary>
/// Counts of one version of a model as the protocol's statistics extension defines them. Thread-safe; one short lock.
/// </summary>
internal sealed class InferenceStatistics(TimeProvider clock)
{
    /// <summary>Batch sizes and response indexes told apart; further ones count in the totals only.</summary>
    public const int MostRows = 256;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, BatchSums> _batches = [];
    private readonly SortedDictionary<int, ResponseSums> _responses = [];
    private StatisticsSnapshot _sums = new();

    public StatisticsSnapshot Snapshot()
    {
        lock (_lock)
        {
            return _sums with
            {
                Batches = [.. _batches.Select(pair => (pair.Key, pair.Value))],
                Responses = [.. _responses.Select(pair => (pair.Key, pair.Value))],
            };
        }
    }

    /// <summary>Counts one request whose answer, or the last of its answers, is written.</summary>
    public void AddRequest(int items, in RequestTimes times)
    {
        lock (_lock)
        {
            _sums = _sums with
            {
                LastInference = Now(),
                InferenceCount = _sums.InferenceCount + items,
                Success = _sums.Success.Plus(times.Total),
                Queue = _sums.Queue.Plus(times.Queue),
                Input = _sums.Input.Plus(times.Input),
                Infer = _sums.Infer.Plus(times.Infer),
                Output = _sums.Output.Plus(times.Output),
            };
        }
    }

    /// <summary>
    /// Counts the run on the device that a request of so many items was part of, unless another request of the same
    /// batch does.
    /// </summary>
    public void AddExecution(in InferenceTiming timing, int items, in RequestTimes times)
    {
        if (timing.IsCountedElsewhere)
        {
            return;
        }

        var batchSize = timing.BatchSize > 0 ? timing.BatchSize : items;
        lock (_lock)
        {
            _sums = _sums with { ExecutionCount = _sums.ExecutionCount + 1 };
            if (_batches.TryGetValue(batchSize, out var row) || _batches.Count < MostRows)
            {
                _batches[batchSize] = new BatchSums(
                    row.Input.Plus(times.Input), row.Infer.Plus(times.Infer), row.Output.Plus(times.Output));
            }
        }
    }

    public void AddFailure(TimeSpan total)
    {
        lock (_lock)
        {
            _sums = _sums with { LastInference = Now(), Fail = _sums.Fail.Plus(total) };
        }
    }

    /// <summary>Counts one of several responses to a request; null times = it failed.</summary>
    public void AddResponse(int index, TimeSpan infer, TimeSpan? output)
    {
        lock (_lock)
        {
            if (!_responses.TryGetValue(index, out var row) && _responses.Count >= MostRows)
            {
                return;
            }

            _responses[index] = output is { } written
                ? row with
                {
                    Infer = row.Infer.Plus(infer),
                    Output = row.Output.Plus(written),
                    Success = row.Success.Plus(infer + written),
                }
                : row with { Fail = row.Fail.Plus(infer) };
        }
    }

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();
}
