namespace Atoll.Serving;

/// <summary>A share on a device, with the batch sizes it could run and the one it runs.</summary>
internal sealed record PlacedShare(
    LoadShare Load, BatchProfile Profile, IReadOnlyList<BatchChoice> Choices, int Level, string Why)
{
    public BatchChoice Choice => Choices[Level];

    /// <summary>A pinned session stays where the user put it.</summary>
    public bool IsPinned => Load.Session.Pinned.Count > 0;
}

/// <summary>One device while a plan is made: what it holds, and whether more fits in time and memory.</summary>
internal sealed class DeviceState(DeviceKind kind, int kindIndex, int index, double maxOccupancy)
{
    /// <summary>No device is planned for more sessions; each one costs a queue and a place in the schedule.</summary>
    public const int MaxSessions = 32;

    private const int MaxRepairs = 24;

    private readonly long _memoryLimit = MemoryLimit.Of(kind);
    private List<PlacedShare> _shares = [];

    public DeviceKind Kind { get; } = kind;

    public int KindIndex { get; } = kindIndex;

    /// <summary>Its number within the kind; equal devices may swap numbers before the plan is written.</summary>
    public int Index { get; set; } = index;

    public string Name => Kind.DeviceName(Index);

    public IReadOnlyList<PlacedShare> Shares => _shares;

    public double Utilization { get; private set; }

    /// <summary>Sessions that are ready here without planned load.</summary>
    public List<PlannedSession> Backups { get; } = [];

    public bool Holds(SessionSpec session) => _shares.Exists(share => share.Load.Session.Name == session.Name);

    /// <summary>Takes the share if all batches stay in time, shortening batches where that helps.</summary>
    public bool TryAdd(PlacedShare share)
    {
        if (Utilization + share.Choices[0].Job.Utilization > maxOccupancy + 1e-9 || _shares.Count >= MaxSessions)
        {
            return false;
        }

        List<PlacedShare> trial = [.. _shares, share];
        if (!TryRepair(trial))
        {
            return false;
        }

        Set(trial);
        return true;
    }

    /// <summary>Puts these shares in the place of all; true if they fit together.</summary>
    public bool TryReplace(IEnumerable<PlacedShare> shares)
    {
        List<PlacedShare> trial = [.. shares];
        if (trial.Count > MaxSessions || !TryRepair(trial))
        {
            return false;
        }

        Set(trial);
        return true;
    }

    /// <summary>Puts back what <see cref="Shares"/> was before, which is known to fit.</summary>
    public void Restore(IReadOnlyList<PlacedShare> shares) => Set([.. shares]);

    public long MemoryBytes => MemoryOf(_shares) + Backups.Sum(backup => backup.MemoryBytes);

    public bool HasMemoryFor(long bytes) => bytes <= _memoryLimit - MemoryBytes;

    /// <summary>Memory of all sessions; weights that sessions of the same model share count once.</summary>
    private static long MemoryOf(List<PlacedShare> shares)
    {
        var bytes = 0L;
        for (var i = 0; i < shares.Count; i++)
        {
            bytes += shares[i].Choice.MemoryBytes;
            var model = shares[i].Load.Session.Model;
            for (var j = 0; j < i; j++)
            {
                if (shares[j].Load.Session.Model == model)
                {
                    bytes -= shares[i].Profile.Options.WeightBytes;
                    break;
                }
            }
        }

        return bytes;
    }

    private void Set(List<PlacedShare> shares)
    {
        _shares = shares;
        Utilization = shares.Sum(share => share.Choice.Job.Utilization);
    }

    /// <summary>
    /// Shortens one batch after another until nothing is late: the batch that is in the way of a tight deadline, or the
    /// one with most work in the span that is too full. Shorter batches occupy more, which bounds the search.
    /// </summary>
    private bool TryRepair(List<PlacedShare> trial)
    {
        Span<BatchJob> jobs = stackalloc BatchJob[trial.Count];
        for (var repair = 0; repair < MaxRepairs; repair++)
        {
            var utilization = 0.0;
            for (var i = 0; i < trial.Count; i++)
            {
                jobs[i] = trial[i].Choice.Job;
                utilization += jobs[i].Utilization;
            }

            if (utilization > maxOccupancy + 1e-9)
            {
                return false;
            }

            var memory = MemoryOf(trial) + Backups.Sum(backup => backup.MemoryBytes);
            if (memory > _memoryLimit)
            {
                if (!ShrinkMemory(trial))
                {
                    return false;
                }
            }
            else if (EarliestDeadline.IsFeasible(jobs, out var violation))
            {
                return true;
            }
            else if (!Shorten(trial, jobs, violation))
            {
                return false;
            }
        }

        return false;
    }

    private static bool ShrinkMemory(List<PlacedShare> trial)
    {
        var best = -1;
        for (var i = 0; i < trial.Count; i++)
        {
            if (trial[i].Level + 1 < trial[i].Choices.Count &&
                (best < 0 || trial[i].Choice.MemoryBytes > trial[best].Choice.MemoryBytes))
            {
                best = i;
            }
        }

        if (best >= 0)
        {
            trial[best] = trial[best] with { Level = trial[best].Level + 1 };
        }

        return best >= 0;
    }

    /// <summary>
    /// Mends one span that is too full with the least occupancy: shortens the one batch whose change makes that span
    /// fit
    /// and is itself in time; if no single one does, the step that helps most for what it occupies.
    /// </summary>
    private static bool Shorten(List<PlacedShare> trial, Span<BatchJob> jobs, DeadlineViolation violation)
    {
        if (double.IsInfinity(violation.Demand))
        {
            return false;
        }

        var before = EarliestDeadline.Excess(jobs, violation.Span);
        var (best, bestLevel, bestCost) = (-1, 0, double.PositiveInfinity);
        var (step, stepWorth) = (-1, 0.0);
        for (var i = 0; i < trial.Count; i++)
        {
            var (share, job) = (trial[i], jobs[i]);
            for (var level = share.Level + 1; level < share.Choices.Count; level++)
            {
                jobs[i] = share.Choices[level].Job;
                var cost = jobs[i].Utilization - job.Utilization;
                var excess = EarliestDeadline.Excess(jobs, violation.Span);
                if (level == share.Level + 1 && (before - excess) / cost > stepWorth)
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
            (best, bestLevel) = (step, trial[step].Level + 1);
        }

        if (best >= 0)
        {
            trial[best] = trial[best] with { Level = bestLevel };
        }

        return best >= 0;
    }
}
