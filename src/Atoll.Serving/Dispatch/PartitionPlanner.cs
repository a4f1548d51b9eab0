using System.Globalization;

namespace Atoll.Serving;

/// <summary>
/// Divides equal devices among groups of sessions for central dispatch. Groups are runs of the sessions in order of
/// objective: a session with a short objective must not wait behind long batches, and sessions alike gain from sharing.
/// Dynamic programming over the runs finds the fewest devices for given rates. Deterministic; knows no clock.
/// </summary>
public sealed class PartitionPlanner
{
    /// <summary>Sessions are put into at most so many classes of like objectives before groups are formed.</summary>
    private const int ClassesMax = 24;

    private const double FactorMax = 1 << 20;

    private readonly PartitionCapacity _capacity;
    private readonly int[] _order;
    private readonly int[] _ends;
    private readonly int _devices;
    private readonly long _memory;

    /// <param name="sessions">All with a rate above zero.</param>
    /// <param name="profiles">Of each session, on the one kind of device.</param>
    /// <param name="devices">How many devices there are.</param>
    /// <param name="memory">Bytes of each; 0: not limited.</param>
    public PartitionPlanner(
        IReadOnlyList<SessionSpec> sessions, IReadOnlyList<BatchProfile> profiles, int devices, long memory)
    {
        ArgumentNullException.ThrowIfNull(sessions);
        ArgumentNullException.ThrowIfNull(profiles);
        ArgumentOutOfRangeException.ThrowIfLessThan(devices, 1);
        _capacity = new PartitionCapacity(sessions, profiles, memory);
        _order = [.. Enumerable.Range(0, sessions.Count)
            .OrderBy(i => sessions[i].Objective).ThenBy(i => profiles[i].Latency(1)).ThenBy(i => i)];
        var classes = Math.Min(ClassesMax, _order.Length);
        _ends = [.. Enumerable.Range(1, classes).Select(i => i * _order.Length / classes)];
        _devices = devices;
        _memory = memory;
    }

    /// <summary>
    /// The partitions for the sessions' rates, on as few devices as these need; on all devices, each group with the
    /// same room to grow, when <paramref name="fill"/> is set or the rates are too high. A session that cannot meet its
    /// objective even alone is in no partition.
    /// </summary>
    public IReadOnlyList<DevicePartition> Plan(bool fill)
    {
        var factor = !fill && Groups(1) is not null ? 1 : LargestFactor();
        var groups = factor > 0 ? Groups(factor) : null;
        return groups is null ? [] : Assign(groups, factor, fill);
    }

    /// <summary>The largest multiple of the rates that the devices can take; 0: none, however small.</summary>
    public double LargestFactor()
    {
        var (low, high) = (0.0, 1.0);
        while (high < FactorMax && Groups(high) is not null)
        {
            (low, high) = (high, 2 * high);
        }

        if (low == 0)
        {
            for (low = 0.5; Groups(low) is null; low /= 2)
            {
                if (low < 1 / FactorMax)
                {
                    return 0;
                }
            }

            high = 2 * low;
        }

        while (high - low > 0.002 * low)
        {
            var middle = (low + high) / 2;
            (low, high) = Groups(middle) is null ? (low, middle) : (middle, high);
        }

        return low;
    }

    /// <summary>Runs of the order with their devices, fewest in sum; null when that is more than there are.</summary>
    private List<(int From, int To, int Devices)>? Groups(double factor)
    {
        var classes = _ends.Length;
        var best = new (int Devices, int From, int Own)[classes + 1];
        for (var to = 1; to <= classes; to++)
        {
            best[to] = (int.MaxValue, -1, 0);
            for (var from = 0; from < to; from++)
            {
                if (best[from].Devices < _devices &&
                    _capacity.Devices(Run(from, to), factor, _devices - best[from].Devices) is { } own &&
                    best[from].Devices + own < best[to].Devices)
                {
                    best[to] = (best[from].Devices + own, from, own);
                }
            }
        }

        if (best[classes].From < 0)
        {
            return null;
        }

        var groups = new List<(int, int, int)>();
        for (var to = classes; to > 0; to = best[to].From)
        {
            groups.Add((best[to].From, to, best[to].Own));
        }

        groups.Reverse();
        return groups;
    }

    private ReadOnlySpan<int> Run(int from, int to)
    {
        var start = from == 0 ? 0 : _ends[from - 1];
        return _order.AsSpan(start, _ends[to - 1] - start);
    }

    private List<DevicePartition> Assign(List<(int From, int To, int Devices)> groups, double factor, bool fill)
    {
        var spare = fill ? _devices - groups.Sum(group => group.Devices) : 0;
        var partitions = new List<DevicePartition>();
        var next = 0;
        foreach (var (from, to, devices) in groups)
        {
            // The groups share what is left over; the last takes the rest.
            var extra = partitions.Count + 1 == groups.Count ? spare : spare / groups.Count;
            spare -= extra;
            var own = devices + extra;
            var sessions = Run(from, to);
            var batches = _capacity.Batches(sessions, factor, own);
            var load = _capacity.Load(sessions, batches, factor);
            partitions.Add(new([.. sessions], [.. Enumerable.Range(next, own)], string.Create(
                CultureInfo.InvariantCulture,
                $"{sessions.Length} sessions, {own} devices, load {load:F2} at {factor:F2} x the rates"))
            {
                Batches = batches,
                MemoryBytes = _capacity.Memory(sessions, batches),
            });
            next += own;
        }

        Overflow(partitions);
        return partitions;
    }

    /// <summary>Lets sessions use the devices of every partition behind their own, while memory lasts there.</summary>
    private void Overflow(List<DevicePartition> partitions)
    {
        for (var host = 1; host < partitions.Count; host++)
        {
            var bytes = partitions[host].MemoryBytes;
            for (var guest = host - 1; guest >= 0; guest--)
            {
                bytes += partitions[guest].MemoryBytes;
                if (_memory != 0 && bytes > _memory)
                {
                    break;
                }

                partitions[guest] = partitions[guest] with
                {
                    Overflow = [.. partitions[guest].Overflow, .. partitions[host].Devices],
                };
            }
        }
    }
}
