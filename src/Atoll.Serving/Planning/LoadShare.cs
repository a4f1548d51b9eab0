namespace Atoll.Serving;

/// <summary>
/// A part of a session's load, to run on one device. Rates in requests per millisecond. A part that is less than the
/// whole is dealt. One by one: the stream is split in two, evenly in proportion, and a part of it again where there are
/// more parts. A split of a stream of rate R delays a request by one interval 1 / R at most against evenly spaced ones;
/// equal parts take turns and add nothing; the jitter is the sum over the splits. In turns: equal devices are dealt
/// batches of consecutive requests one after the other, so that batches are evenly spaced and gather at the session's
/// full rate.
/// </summary>
/// <param name="Session">The session.</param>
/// <param name="RatePerMs">The part's rate.</param>
/// <param name="TotalPerMs">The rate of the whole session.</param>
/// <param name="JitterMs">How much later than evenly spaced a request may be dealt.</param>
/// <param name="Run">Dealt in turns: the batch. 0: one by one.</param>
internal readonly record struct LoadShare(
    SessionSpec Session, double RatePerMs, double TotalPerMs, double JitterMs = 0, int Run = 0)
{
    /// <summary>One of two parts into which this load is split.</summary>
    public LoadShare Part(double ratePerMs) =>
        this with { RatePerMs = ratePerMs, JitterMs = JitterMs + (1 / RatePerMs) };

    /// <summary>Longest time from the first to the last request of a batch.</summary>
    public double GatherMs(int batch) => ((batch - 1) / (Run > 0 ? TotalPerMs : RatePerMs)) + JitterMs;
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
            var gather = load.GatherMs(batch);
            var execution = profile.Latency(batch).TotalMilliseconds;
            var period = batch / load.RatePerMs;
            if (execution > budget - gather + EarliestDeadline.Epsilon ||
                execution > (period * options.MaxOccupancy) + EarliestDeadline.Epsilon ||
                profile.Memory(batch) > memory || (load.Run > 0 && batch != load.Run))
            {
                continue;
            }

            var job = new BatchJob(period, budget - gather, execution, load.JitterMs);
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
