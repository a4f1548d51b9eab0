namespace Atoll.Serving;

/// <summary>A share with the ways in which a kind of device could run it, and once placed the way it does.</summary>
internal sealed record PlacedShare
{
    private PlacedShare(LoadShare load, BatchProfile profile, IReadOnlyList<BatchChoice> choices, string why)
    {
        Load = load;
        Profile = profile;
        Choices = choices;
        Why = why;
        BudgetMs = profile.ExecutionBudget(load.Session.Objective).TotalMilliseconds;
    }

    public LoadShare Load { get; }

    public BatchProfile Profile { get; }

    /// <summary>Batch sizes to run by earliest deadline, or none.</summary>
    public IReadOnlyList<BatchChoice> Choices { get; }

    public string Why { get; init; }

    /// <summary>What the objective leaves for gathering and running.</summary>
    public double BudgetMs { get; }

    /// <summary>The longest period in a table that keeps the objective, or 0 if there is none.</summary>
    public double TablePeriodMs { get; private init; }

    /// <summary>
    /// The least part of a device that the share needs; what it takes beyond is the price of sharing.
    /// </summary>
    public double LeastUtilization { get; private init; }

    public BatchSlot Slot { get; init; }

    /// <summary>A pinned session stays where the user put it.</summary>
    public bool IsPinned => Load.Session.Pinned.Count > 0;

    /// <summary>The share on a kind of device, or null where no batch is in time or fits its memory.</summary>
    public static PlacedShare? Of(
        LoadShare load, BatchProfile profile, long memory, PlannerOptions options, string why)
    {
        var share = new PlacedShare(load, profile, BatchChoice.Of(load, profile, memory, options), why);
        share = share with { TablePeriodMs = CyclicTable.LongestPeriod(share, memory) };
        var least = share.Choices.Count > 0 ? share.Choices[0].Job.Utilization : double.PositiveInfinity;
        if (CyclicTable.TrySlot(share, share.TablePeriodMs, out var slot))
        {
            least = Math.Min(least, slot.Utilization);
        }

        return double.IsInfinity(least) ? null : share with { LeastUtilization = least };
    }
}
