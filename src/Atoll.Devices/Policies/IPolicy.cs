namespace Atoll.Devices;

/// <summary>
/// What a policy may know of a stream that has work. Times are device timestamps in ticks of the clock's frequency.
/// </summary>
public struct StreamView
{
    public WorkClass Class;
    public int Priority;
    public double Weight;

    /// <summary>Unit time already given to the stream, in ticks, divided by its weight (virtual run time).</summary>
    public double VirtualTime;

    /// <summary>When the stream last got a block, or became ready: the start of its present wait.</summary>
    public long WaitingSince;

    /// <summary>Deadline of the launch at the head, 0 = none.</summary>
    public long Deadline;

    /// <summary>Device-wide order of submission of the launch at the head.</summary>
    public long Sequence;

    /// <summary>The launch at the head has started.</summary>
    public bool InProgress;

    /// <summary>
    /// Expected unit time left for the launch at the head and those behind it, in ticks; 0 = unknown.
    /// </summary>
    public long RemainingTicks;
}

/// <summary>
/// Which ready stream goes next. Pure: the answer depends on the arguments alone, so that several compute units may ask
/// at once and tests may replay. Called once per kernel or block on the hot path: allocate nothing.
/// </summary>
public interface IPolicy
{
    string Name { get; }

    /// <summary>Index into <paramref name="ready"/> of the stream to serve, or -1 to leave the unit idle.</summary>
    int Select(ReadOnlySpan<StreamView> ready, long now);

    /// <summary>Whether a launch with this deadline and cost may enter, given what already waits ahead of it.</summary>
    bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now);
}
