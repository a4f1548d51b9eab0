namespace Atoll.Serving.Tests;

/// <summary>A clock that moves only when told, in microseconds. It has no timers.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _now = 1;

    public override long TimestampFrequency => 1_000_000;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public void Advance(long microseconds) => Interlocked.Add(ref _now, microseconds);
}
