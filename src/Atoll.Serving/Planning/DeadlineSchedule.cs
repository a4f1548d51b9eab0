namespace Atoll.Serving;

/// <summary>
/// Batch sizes with which shares run by earliest deadline on one device (<see cref="EarliestDeadline"/>): each keeps
/// its own period, a rare session need not wait for a turn, and no frame has to hold a long batch.
/// </summary>
internal static class DeadlineSchedule
{
    private const int MaxRepairs = 24;

    /// <summary>
    /// Starts with the batches that take least and shortens one after another until nothing is late. Shorter batches
    /// occupy more, which bounds the search. Null when nothing fits.
    /// </summary>
    public static BatchSlot[]? TryArrange(IReadOnlyList<PlacedShare> shares, double maxOccupancy)
    {
        Span<int> levels = stackalloc int[shares.Count];
        Span<BatchJob> jobs = stackalloc BatchJob[shares.Count];
        levels.Clear();
        for (var repair = 0; repair < MaxRepairs; repair++)
        {
            var utilization = 0.0;
            for (var i = 0; i < jobs.Length; i++)
            {
                if (shares[i].Choices.Count == 0)
                {
                    return null;
                }

                jobs[i] = shares[i].Choices[levels[i]].Job;
                utilization += jobs[i].Utilization;
            }

            if (utilization > maxOccupancy + 1e-9)
            {
                return null;
            }

            if (EarliestDeadline.IsFeasible(jobs, out var violation))
            {
                return Slots(shares, levels);
            }

            if (!Shorten(shares, levels, jobs, violation))
            {
                return null;
            }
        }

        return null;
    }

    /// <summary>Longest time of each share from a request's arrival to its answer, for a set that fits.</summary>
    public static double WorstMs(IReadOnlyList<PlacedShare> shares, int index)
    {
        Span<BatchJob> jobs = stackalloc BatchJob[shares.Count];
        var gather = 0.0;
        for (var i = 0; i < jobs.Length; i++)
        {
            var choice = shares[i].Choices.First(choice => choice.Batch == shares[i].Slot.Batch);
            jobs[i] = choice.Job;
            gather = i == index ? choice.GatherMs : gather;
        }

        return gather + EarliestDeadline.WorstResponse(jobs, index);
    }

    private static BatchSlot[] Slots(IReadOnlyList<PlacedShare> shares, ReadOnlySpan<int> levels)
    {
        var slots = new BatchSlot[shares.Count];
        for (var i = 0; i < slots.Length; i++)
        {
            var (batch, job, gather, memory) = shares[i].Choices[levels[i]];
            slots[i] = new BatchSlot(batch, job.Execution, job.Period, double.NaN, gather + job.Deadline, memory);
        }

        return slots;
    }

    /// <summary>
    /// Mends one span that is too full with the least occupancy: shortens the one batch whose change makes that span
    /// fit and is itself in time; if no single one does, the step that helps most for what it occupies.
    /// </summary>
    private static bool Shorten(
        IReadOnlyList<PlacedShare> shares, Span<int> levels, Span<BatchJob> jobs, DeadlineViolation violation)
    {
        if (double.IsInfinity(violation.Demand))
        {
            return false;
        }

        var before = EarliestDeadline.Excess(jobs, violation.Span);
        var (best, bestLevel, bestCost) = (-1, 0, double.PositiveInfinity);
        var (step, stepWorth) = (-1, 0.0);
        for (var i = 0; i < shares.Count; i++)
        {
            var (choices, job) = (shares[i].Choices, jobs[i]);
            for (var level = levels[i] + 1; level < choices.Count; level++)
            {
                jobs[i] = choices[level].Job;
                var cost = jobs[i].Utilization - job.Utilization;
                var excess = EarliestDeadline.Excess(jobs, violation.Span);
                if (level == levels[i] + 1 && (before - excess) / cost > stepWorth)
                {
                    (step, stepWorth) = (i, (before - excess) / cost);
                }

                if (cost >= bestCost)
                {
                    break;
                }

                if (excess <= EarliestDeadline.Epsilon &&
                    EarliestDeadline.Excess(jobs, jobs[i].Deadline) <= EarliestDeadline.Epsilon)
                {
                    (best, bestLevel, bestCost) = (i, level, cost);
                    break;
                }
            }

            jobs[i] = job;
        }

        if (best < 0 && step >= 0)
        {
            (best, bestLevel) = (step, levels[step] + 1);
        }

        if (best >= 0)
        {
            levels[best] = bestLevel;
        }

        return best >= 0;
    }
}
