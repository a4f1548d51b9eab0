namespace Atoll.Serving;

/// <summary>Numbers the uses of a device's replicas in their order. Thread-safe.</summary>
internal sealed class UseCount
{
    private long _uses;

    public long Next() => Interlocked.Increment(ref _uses);
}
