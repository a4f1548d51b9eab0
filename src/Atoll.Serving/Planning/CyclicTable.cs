namespace Atoll.Serving;

/// <summary>
/// A multi-rate table: time is cut into equal frames; a session runs at a fixed place in every first, second, fourth …
/// frame. Each session so starts exactly every period, and a request that just misses a start waits one period and its
/// own execution: worst latency = period + l(batch), with no batch of another session ever in its way. The paper's duty
/// cycle is the table in which all sessions run in every frame.
/// </summary>
internal static class CyclicTable
{
    private const int MaxFrames = 16;
    private const double Epsilon = 1e-9;

    /// <summary>Rounding of requests in a period, as in the paper: 4.0005 requests are 4.</summary>
    private const double RequestEpsilon = 1e-6;

    /// <summary>
    /// The longest period p for which p + l(b) keeps the objective with b = all that can arrive in p. Evenly spaced
    /// requests with jitter J are at most ceil((p + J) rate) in p.
    /// </summary>
    public static double LongestPeriod(PlacedShare share, long memory)
    {
        if (share.Load.Run > 0)
        {
            return 0;
        }

        var longest = 0.0;
        foreach (var batch in share.Profile.Batches)
        {
            if (share.Profile.Memory(batch) <= memory)
            {
                var execution = share.Profile.Milliseconds(batch);
                var gathered = (batch / share.Load.RatePerMs) - share.Load.JitterMs;
                var period = Math.Min(gathered, share.BudgetMs - execution);
                longest = execution <= period ? Math.Max(longest, period) : longest;
            }
        }

        return longest;
    }

    /// <summary>The batch that a period needs; false when that is too large or takes too long.</summary>
    public static bool TrySlot(PlacedShare share, double periodMs, out BatchSlot slot)
    {
        slot = default;
        if (periodMs <= 0)
        {
            return false;
        }

        var requests = Math.Ceiling(((periodMs + share.Load.JitterMs) * share.Load.RatePerMs) - RequestEpsilon);
        var batch = requests > share.Profile.MaxBatch ? 0 : share.Profile.Fit((int)requests);
        if (batch == 0)
        {
            return false;
        }

        var execution = share.Profile.Milliseconds(batch);
        slot = new BatchSlot(batch, execution, periodMs, 0, periodMs + execution, share.Profile.Memory(batch));
        return slot.WorstMs <= share.BudgetMs + Epsilon;
    }

    /// <summary>
    /// The table that takes least of the device, among frames that divide one session's longest period; null when the
    /// shares fit none. Frames of half the shortest period and less only make batches smaller.
    /// </summary>
    public static BatchSlot[]? TryArrange(IReadOnlyList<PlacedShare> shares, double maxOccupancy)
    {
        var shortest = double.PositiveInfinity;
        for (var i = 0; i < shares.Count; i++)
        {
            shortest = Math.Min(shortest, shares[i].TablePeriodMs);
        }

        if (shortest <= 0)
        {
            return null;
        }

        BatchSlot[]? best = null;
        var least = maxOccupancy + Epsilon;
        Span<BatchSlot> slots = stackalloc BatchSlot[shares.Count];
        for (var i = 0; i < shares.Count; i++)
        {
            var frame = shares[i].TablePeriodMs;
            while (frame > shortest * (1 + Epsilon))
            {
                frame /= 2;
            }

            // Whole ticks of the clock, so that periods of several frames are exact multiples.
            frame = Math.Floor((frame * TimeSpan.TicksPerMillisecond) + Epsilon) / TimeSpan.TicksPerMillisecond;
            if (frame > 0 && TryFrame(shares, frame, slots, ref least))
            {
                best = slots.ToArray();
            }
        }

        return best;
    }

    private static bool TryFrame(
        IReadOnlyList<PlacedShare> shares, double frameMs, Span<BatchSlot> slots, ref double least)
    {
        Span<int> every = stackalloc int[slots.Length];
        var utilization = 0.0;
        for (var i = 0; i < slots.Length; i++)
        {
            every[i] = 1;
            while (every[i] < MaxFrames && 2 * every[i] * frameMs <= shares[i].TablePeriodMs * (1 + Epsilon))
            {
                every[i] *= 2;
            }

            if (!TrySlot(shares[i], frameMs * every[i], out slots[i]) ||
                (utilization += slots[i].Utilization) >= least)
            {
                return false;
            }
        }

        if (!TryPlace(slots, every, frameMs))
        {
            return false;
        }

        least = utilization;
        return true;
    }

    /// <summary>
    /// Frequent sessions first. All frames of a session's turn hold the same work until then, because every more
    /// frequent session is in all of them or in none; so its place in the frame is the same each time.
    /// </summary>
    private static bool TryPlace(Span<BatchSlot> slots, ReadOnlySpan<int> every, double frameMs)
    {
        Span<double> filled = stackalloc double[MaxFrames];
        for (var turn = 1; turn <= MaxFrames; turn *= 2)
        {
            for (var i = 0; i < slots.Length; i++)
            {
                if (every[i] != turn)
                {
                    continue;
                }

                var first = 0;
                for (var frame = 1; frame < turn; frame++)
                {
                    first = filled[frame] < filled[first] ? frame : first;
                }

                if (filled[first] + slots[i].ExecutionMs > frameMs + Epsilon)
                {
                    return false;
                }

                slots[i] = slots[i] with { StartMs = (first * frameMs) + filled[first] };
                for (var frame = first; frame < MaxFrames; frame += turn)
                {
                    filled[frame] += slots[i].ExecutionMs;
                }
            }
        }

        return true;
    }
}
