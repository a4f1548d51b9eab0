namespace Atoll.Devices;

/// <summary>
/// The streams of a device and which of them have work. The array is replaced, never changed, so units and submitters
/// read it without a lock.
/// </summary>
internal sealed class DeviceStreams
{
    private readonly Lock _change = new();
    private volatile CpuStream[] _all = [];
    private int _nextId;

    public CpuStream[] All => _all;

    /// <summary>Real-time launches wait or run, and the client of every one is suspended.</summary>
    public bool IsAllRealTimeSuspended
    {
        get
        {
            foreach (var stream in _all)
            {
                if (stream.Class == WorkClass.RealTime && stream.Depth > 0 && stream.MayAdvance)
                {
                    return false;
                }
            }

            return true;
        }
    }

    public CpuStream Add(Func<int, CpuStream> create)
    {
        lock (_change)
        {
            var stream = create(_nextId++);
            _all = [.. _all, stream];
            return stream;
        }
    }

    public void Remove(CpuStream stream)
    {
        lock (_change)
        {
            _all = [.. _all.Where(s => !ReferenceEquals(s, stream))];
        }
    }

    /// <summary>A unit that asks now can probably claim a block of this class, or of any.</summary>
    public bool HasReady(WorkClass? only)
    {
        foreach (var stream in _all)
        {
            if ((only is null || stream.Class == only) && stream.IsReady)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Describes the streams of a class that have launches, as many as fit; returns how many.</summary>
    public int DescribeRivals(WorkClass workClass, Span<StreamView> views)
    {
        var count = 0;
        foreach (var stream in _all)
        {
            if (count < views.Length && stream.Class == workClass && stream.Depth > 0)
            {
                stream.Describe(ref views[count++]);
            }
        }

        return count;
    }

    /// <summary>The least virtual time among the other streams that have launches; 0 when there is none.</summary>
    public double LeastServiceOf(CpuStream asking)
    {
        var least = double.PositiveInfinity;
        foreach (var other in _all)
        {
            if (!ReferenceEquals(other, asking) && other.Depth > 0)
            {
                least = Math.Min(least, other.VirtualTime);
            }
        }

        return double.IsPositiveInfinity(least) ? 0 : least;
    }
}
