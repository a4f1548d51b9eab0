namespace Atoll.Devices;

/// <summary>What a unit did in one stretch of time: one block of a stream. Times are device timestamps.</summary>
public readonly record struct TimelineSample(int Unit, long Start, long End, int Stream, WorkClass Class);

/// <summary>The last blocks of one unit. One writer; a reader gets a copy that may lack the newest few.</summary>
internal sealed class UnitTimeline(int unit)
{
    private const int Capacity = 8192;
    private readonly TimelineSample[] _samples = new TimelineSample[Capacity];
    private long _count;

    public void Add(long start, long end, int stream, WorkClass workClass)
    {
        _samples[_count % Capacity] = new TimelineSample(unit, start, end, stream, workClass);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Appends the samples that ended after <paramref name="since"/>, oldest first.</summary>
    public void CopySince(long since, List<TimelineSample> target)
    {
        var count = Volatile.Read(ref _count);
        // The oldest eighth may be overwritten while it is read.
        var first = Math.Max(0, count - (Capacity / 8 * 7));
        for (var index = first; index < count; index++)
        {
            var sample = _samples[index % Capacity];
            if (sample.End > since)
            {
                target.Add(sample);
            }
        }
    }
}
