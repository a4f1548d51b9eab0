namespace Atoll.Serving;

/// <summary>One device while a plan is made: what it holds, and whether more fits in time and memory.</summary>
internal sealed class DeviceState(DeviceKind kind, int kindIndex, int index, double maxOccupancy)
{
    /// <summary>No device is planned for more sessions; each one costs a queue and a place in the schedule.</summary>
    public const int MaxSessions = 32;

    private const int MaxRepairs = 24;

    private readonly long _memoryLimit = MemoryLimit.Of(kind);
    private List<PlacedShare> _shares = [];
    private double _octave;
    private long _memoryBytes;

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
        if (Utilization + share.LeastUtilization > maxOccupancy + 1e-9 || _shares.Count >= MaxSessions)
        {
            return false;
        }

        return TryReplace([.. _shares, share]);
    }

    /// <summary>Puts these shares in the place of all; true if they fit together.</summary>
    public bool TryReplace(IReadOnlyList<PlacedShare> shares)
    {
        if (TryArrange(shares) is not { } slots)
        {
            return false;
        }

        Set([.. shares.Select((share, i) => share with { Slot = slots[i] })]);
        return true;
    }

    /// <summary>What the device would be used if it took the share too; null when it cannot.</summary>
    public double? UtilizationWith(PlacedShare share) =>
        Utilization + share.LeastUtilization <= maxOccupancy + 1e-9 && _shares.Count < MaxSessions &&
        TryArrange([.. _shares, share]) is { } slots
            ? Used(slots)
            : null;

    /// <summary>
    /// How far the share's period is from a doubling of the device's frames, 0 to 0.5: near ones share a table without
    /// shorter batches.
    /// </summary>
    public double Discord(PlacedShare share)
    {
        var octaves = Math.Log2(Math.Max(1e-6, share.TablePeriodMs)) - _octave;
        return Math.Abs(octaves - Math.Round(octaves));
    }

    /// <summary>Puts back what <see cref="Shares"/> was before, which is known to fit.</summary>
    public void Restore(IReadOnlyList<PlacedShare> shares) => Set([.. shares]);

    public long MemoryBytes => _memoryBytes + Backups.Sum(backup => backup.MemoryBytes);

    public bool HasMemoryFor(long bytes) => bytes <= _memoryLimit - MemoryBytes;

    private static double Used(BatchSlot[] slots)
    {
        var used = 0.0;
        foreach (var slot in slots)
        {
            used += slot.Utilization;
        }

        return used;
    }

    /// <summary>Memory of all sessions; weights that sessions of the same model share count once.</summary>
    private static long MemoryOf(IReadOnlyList<PlacedShare> shares, BatchSlot[] slots)
    {
        var bytes = 0L;
        for (var i = 0; i < slots.Length; i++)
        {
            bytes += slots[i].MemoryBytes;
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
        var slots = shares.Select(share => share.Slot).ToArray();
        Utilization = Used(slots);
        _memoryBytes = MemoryOf(shares, slots);
        _octave = shares.Count == 0 ? 0 : Math.Log2(Math.Max(1e-6, shares.Min(share => share.TablePeriodMs)));
    }

    /// <summary>
    /// How the shares run together: in a table, or else by earliest deadline; alone whichever takes less.
    /// </summary>
    private BatchSlot[]? TryArrange(IReadOnlyList<PlacedShare> shares)
    {
        if (shares.Count is 0 or > MaxSessions)
        {
            return shares.Count == 0 ? [] : null;
        }

        var table = WithinMemory(shares, CyclicTable.TryArrange(shares, maxOccupancy));
        if (table is not null && shares.Count > 1)
        {
            return table;
        }

        var deadlines = WithinMemory(shares, DeadlineSchedule.TryArrange(shares, maxOccupancy));
        return table is null || (deadlines is not null && Used(deadlines) < Used(table)) ? deadlines : table;
    }

    private BatchSlot[]? WithinMemory(IReadOnlyList<PlacedShare> shares, BatchSlot[]? slots) =>
        slots is not null && MemoryOf(shares, slots) + Backups.Sum(backup => backup.MemoryBytes) <= _memoryLimit
            ? slots
            : null;
}
