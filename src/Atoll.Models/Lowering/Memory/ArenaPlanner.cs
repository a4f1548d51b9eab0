namespace Atoll.Models;

/// <summary>
/// Places storages in one arena: largest first, each at the lowest-waste gap among those placed storages whose
/// lifetimes meet its own (greedy by size with best fit; Pisarchyk and Lee, 2020). Lifetimes are inclusive at both
/// ends, so whatever a step writes never shares a byte with what it reads: every program is replay-safe by block.
/// </summary>
internal static class ArenaPlanner
{
    public static ArenaPlan Plan(IReadOnlyList<LoweredStep> steps) => Plan(StorageLifetime.Of(steps));

    public static ArenaPlan Plan(IReadOnlyList<StorageLifetime> lifetimes)
    {
        var placed = new LifetimeIndex(lifetimes);
        var offsets = new Dictionary<Storage, long>();
        var total = 0L;
        foreach (var life in lifetimes.OrderByDescending(l => l.Storage.Bytes).ThenBy(l => l.First).ThenBy(l =>
            l.Storage.Id))
        {
            var size = ArenaPlan.Align(life.Storage.Bytes);
            var offset = BestGap(placed, life, size);
            placed.Add(life, offset);
            offsets[life.Storage] = offset;
            total = Math.Max(total, checked(offset + size));
        }

        return new ArenaPlan(offsets, total);
    }

    private static long BestGap(LifetimeIndex placed, StorageLifetime life, long size)
    {
        var (end, best, bestWaste) = (0L, -1L, long.MaxValue);
        foreach (var (other, offset) in placed.Meeting(life).OrderBy(p => p.Offset))
        {
            var gap = offset - end;
            if (gap >= size && gap - size < bestWaste)
            {
                (best, bestWaste) = (end, gap - size);
            }

            end = Math.Max(end, offset + ArenaPlan.Align(other.Storage.Bytes));
        }

        return best >= 0 ? best : end;
    }
}
