namespace Atoll.Serving;

/// <summary>
/// A batch that comes again: released at least a period after the one before, running for the execution time without
/// being interrupted by another batch, done within the deadline after its release. A release may come later than
/// periodic by the jitter, which the deadline already leaves out. All in milliseconds.
/// </summary>
internal readonly record struct BatchJob(double Period, double Deadline, double Execution, double Jitter = 0)
{
    /// <summary>
    /// Spans shorter than this may have to wait for a batch of this job that is due later: a batch early by the jitter
    /// is due by the jitter later, and the deadline left it out once.
    /// </summary>
    public double Reach => Deadline + (2 * Jitter);

    public double Utilization => Execution / Period;

    /// <summary>Work of this job that is released and due within any time span of this length.</summary>
    public double Demand(double span) =>
        span + EarliestDeadline.Epsilon < Deadline
            ? 0
            : (Math.Floor((span - Deadline + EarliestDeadline.Epsilon) / Period) + 1) * Execution;
}

/// <summary>
/// Where a set of jobs fails: the span, the demand in it, and the job that may be in the way (-1 = none).
/// </summary>
internal readonly record struct DeadlineViolation(double Span, double Demand, int Blocker);

/// <summary>
/// Non-preemptive earliest deadline first on one device, never idle while a batch is released. No batch is late if
/// for every span t: sum over jobs of demand(t) + the longest execution of a job that reaches beyond t &lt;= t
/// (Jeffay, Stanat, Martel 1991; George, Rivierre, Spuri 1996).
/// Why that is enough: let a batch miss its deadline d. Go back to the last moment s before d at which the device was
/// idle or began a batch due after d. From s on it ran only batches released after s and due by d, after at most one
/// batch due later, begun at s, because it could not be stopped. Of each job the batches released from s and due by d
/// are at most floor((d - s - deadline) / period) + 1. So all that work fits d - s by the condition, and nothing is
/// late.
/// A request is answered within its objective because the deadline is the objective less the longest gathering.
/// </summary>
internal static class EarliestDeadline
{
    /// <summary>Milliseconds that count as nothing: far below the 100 ns of the clock.</summary>
    public const double Epsilon = 1e-7;

    private const int MaxSteps = 4096;

    public static bool IsFeasible(ReadOnlySpan<BatchJob> jobs, out DeadlineViolation violation)
    {
        violation = new DeadlineViolation(0, double.PositiveInfinity, -1);
        var utilization = 0.0;
        var lastDeadline = 0.0;
        var excess = 0.0;
        foreach (var job in jobs)
        {
            if (job.Execution > Math.Min(job.Deadline, job.Period) + Epsilon)
            {
                return false;
            }

            utilization += job.Utilization;
            lastDeadline = Math.Max(lastDeadline, job.Reach);
            excess += (job.Period - job.Deadline) * job.Utilization;
        }

        if (utilization > 1 + 1e-9)
        {
            return false;
        }

        return jobs.Length == 1 || (HoldsUntil(lastDeadline, jobs, ref violation) &&
            HoldsBeyond(lastDeadline, excess, 1 - utilization, jobs, ref violation));
    }

    /// <summary>By how much the work that may have to be done in a span exceeds it.</summary>
    public static double Excess(ReadOnlySpan<BatchJob> jobs, double span) => Excess(jobs, span, out _, out _);

    /// <summary>
    /// Longest time from release to end over all phases (Spuri's analysis without preemption): for each distance a of
    /// the batch from the start of a busy time, all that may run before it. Bounded work; the deadline is the answer
    /// where the analysis would take too long or releases jitter, which is right for a feasible set.
    /// </summary>
    public static double WorstResponse(ReadOnlySpan<BatchJob> jobs, int index)
    {
        var own = jobs[index];
        if (jobs.Length == 1)
        {
            return own.Execution;
        }

        foreach (var job in jobs)
        {
            if (job.Jitter > 0)
            {
                return own.Deadline;
            }
        }

        var busy = BusyPeriod(jobs);
        var worst = own.Execution;
        var steps = 0;
        foreach (var job in jobs)
        {
            var first = Math.Max(0, Math.Ceiling((own.Deadline - job.Deadline - Epsilon) / job.Period));
            for (var k = first; (k * job.Period) + job.Deadline - own.Deadline < busy; k++)
            {
                if (++steps > MaxSteps)
                {
                    return own.Deadline;
                }

                var distance = (k * job.Period) + job.Deadline - own.Deadline;
                worst = Math.Max(worst, Response(jobs, index, Math.Max(0, distance)));
            }
        }

        return Math.Min(worst, own.Deadline);
    }

    private static double Excess(ReadOnlySpan<BatchJob> jobs, double span, out double demand, out int blocker)
    {
        demand = 0;
        blocker = -1;
        var blocking = 0.0;
        for (var j = 0; j < jobs.Length; j++)
        {
            demand += jobs[j].Demand(span);
            if (jobs[j].Reach > span + Epsilon && jobs[j].Execution > blocking)
            {
                (blocker, blocking) = (j, jobs[j].Execution);
            }
        }

        return demand + blocking - span;
    }

    private static double Response(ReadOnlySpan<BatchJob> jobs, int index, double distance)
    {
        var own = jobs[index];
        var due = distance + own.Deadline;
        var start = 0.0;
        for (var step = 0; step < MaxSteps; step++)
        {
            var blocking = 0.0;
            var before = Math.Floor((distance + Epsilon) / own.Period) * own.Execution;
            for (var j = 0; j < jobs.Length; j++)
            {
                if (jobs[j].Deadline > due + Epsilon)
                {
                    blocking = Math.Max(blocking, jobs[j].Execution);
                }
                else if (j != index)
                {
                    var released = Math.Floor((start + Epsilon) / jobs[j].Period);
                    var dueBefore = Math.Floor((due - jobs[j].Deadline + Epsilon) / jobs[j].Period);
                    before += (1 + Math.Min(released, dueBefore)) * jobs[j].Execution;
                }
            }

            if (blocking + before <= start + Epsilon)
            {
                return Math.Max(own.Execution, start + own.Execution - distance);
            }

            start = blocking + before;
        }

        return own.Deadline;
    }

    private static double BusyPeriod(ReadOnlySpan<BatchJob> jobs)
    {
        var blocking = 0.0;
        foreach (var job in jobs)
        {
            blocking = Math.Max(blocking, job.Execution);
        }

        var length = blocking;
        for (var step = 0; step < MaxSteps; step++)
        {
            var next = blocking;
            foreach (var job in jobs)
            {
                next += Math.Ceiling((length + Epsilon) / job.Period) * job.Execution;
            }

            if (next <= length + Epsilon)
            {
                return length;
            }

            length = next;
        }

        return double.PositiveInfinity;
    }

    /// <summary>Every deadline up to the longest one, where a batch due later may still be in the way.</summary>
    private static bool HoldsUntil(double end, ReadOnlySpan<BatchJob> jobs, ref DeadlineViolation violation)
    {
        foreach (var job in jobs)
        {
            for (var span = job.Deadline; span <= end + Epsilon; span += job.Period)
            {
                if (Excess(jobs, span, out var demand, out var blocker) > Epsilon)
                {
                    violation = new DeadlineViolation(span, demand, blocker);
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>
    /// Beyond the longest deadline nothing blocks, and demand(t) &lt;= U t + sum U_i (P_i - D_i), so that only
    /// t up to that sum / (1 - U) can fail. Going down from there, all spans between demand(t) and t hold too, because
    /// demand only falls (Zhang, Burns 2009).
    /// </summary>
    private static bool HoldsBeyond(
        double end, double excess, double spare, ReadOnlySpan<BatchJob> jobs, ref DeadlineViolation violation)
    {
        if (excess <= Epsilon)
        {
            return true;
        }

        if (spare < 1e-9)
        {
            return false;
        }

        var span = excess / spare;
        for (var step = 0; span > end; step++)
        {
            var demand = 0.0;
            foreach (var job in jobs)
            {
                demand += job.Demand(span);
            }

            if (demand > span + Epsilon || step == MaxSteps)
            {
                violation = new DeadlineViolation(span, demand, -1);
                return false;
            }

            span = demand < span - Epsilon ? demand : DeadlineBefore(span, jobs);
        }

        return true;
    }

    private static double DeadlineBefore(double span, ReadOnlySpan<BatchJob> jobs)
    {
        var latest = 0.0;
        foreach (var job in jobs)
        {
            var k = Math.Ceiling((span - job.Deadline - (2 * Epsilon)) / job.Period) - 1;
            latest = Math.Max(latest, job.Deadline + (Math.Max(0, k) * job.Period));
        }

        return Math.Min(latest, span - (2 * Epsilon));
    }
}
