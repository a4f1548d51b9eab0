namespace Atoll.Serving;

/// <summary>
/// A part of a session's load, to run on one device. Rates in requests per millisecond. A part that is less than the
/// whole is dealt: the stream is split in two, evenly in proportion, and a part of it again where there are more parts.
/// A split of a stream of rate R delays a request by one interval 1 / R at most against evenly spaced ones; equal parts
/// take turns and add nothing. The jitter is the sum over the splits.
/// </summary>
internal readonly record struct LoadShare(
    SessionSpec Session, double RatePerMs, double TotalPerMs, double JitterMs = 0)
{
    public bool IsDealt => JitterMs > 0;

    /// <summary>The part and the rest of this load when it is split in two.</summary>
    public LoadShare Part(double ratePerMs) =>
        this with { RatePerMs = ratePerMs, JitterMs = JitterMs + (1 / RatePerMs) };

    /// <summary>
    /// How much later than evenly spaced a batch may be gathered; whole batches are dealt like requests.
    /// </summary>
    public double BatchJitterMs(int batch, bool wholeBatches) => wholeBatches ? JitterMs * batch : JitterMs;

    /// <summary>
    /// Longest time from the first to the last request of a batch: (b - 1) / rate and the jitter; dealt in whole
    /// batches,
    /// it gathers at the session's full rate.
    /// </summary>
    public double GatherMs(int batch, bool wholeBatches) =>
        ((batch - 1) / (IsDealt && wholeBatches ? TotalPerMs : RatePerMs)) + BatchJitterMs(batch, wholeBatches);
}

/// <summary>One batch size a share could run with. Times in milliseconds.</summary>
internal readonly record struct BatchChoice(int Batch, BatchJob Job, double GatherMs, long MemoryBytes)
{
    /// <summary>
    /// The batch sizes worth trying, the least occupancy first; each further one runs shorter and occupies more.
    /// Empty: the share cannot run in time on such a device.
    /// </summary>
    public static BatchChoice[] Of(LoadShare load, BatchProfile profile, long memory, PlannerOptions options)
    {
        var budget = profile.ExecutionBudget(load.Session.Objective).TotalMilliseconds;
        var choices = new List<BatchChoice>();
        var batches = profile.Batches;
        for (var i = batches.Length - 1; i >= 0; i--)
        {
            var batch = batches[i];
            var gather = load.GatherMs(batch, options.DealWholeBatches);
            var execution = profile.Latency(batch).TotalMilliseconds;
            var period = batch / load.RatePerMs;
            if (execution > budget - gather + EarliestDeadline.Epsilon ||
                execution > (period * options.MaxOccupancy) + EarliestDeadline.Epsilon ||
                profile.Memory(batch) > memory)
            {
                continue;
            }

            var job = new BatchJob(
                period, budget - gather, execution, load.BatchJitterMs(batch, options.DealWholeBatches));
            while (choices.Count > 0 && choices[^1].Job.Utilization >= job.Utilization)
            {
                choices.RemoveAt(choices.Count - 1);
            }

            if (choices.Count == 0 || choices[^1].Job.Execution > execution)
            {
                choices.Add(new BatchChoice(batch, job, gather, profile.Memory(batch)));
            }
        }

        return [.. choices];
    }
}
