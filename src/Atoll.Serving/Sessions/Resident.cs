namespace Atoll.Serving;

/// <summary>
/// A replica that is ready on a device, with its profile and the batches that hold it. It can be taken away only while
/// nothing holds it, and nothing holds it once it is leaving. Thread-safe.
/// </summary>
internal sealed class Resident(IReplica replica, LiveProfile profile)
{
    private const int Leaving = int.MinValue;

    private int _holders;
    private long _lastUsed;
    private TaskCompletionSource? _freed;

    public IReplica Replica => replica;

    public LiveProfile Profile => profile;

    public bool IsLeaving => Volatile.Read(ref _holders) < 0;

    /// <summary>When it was last used, as the device's count of uses: a larger number is more recent.</summary>
    public long LastUsed => Interlocked.Read(ref _lastUsed);

    public void Touch(UseCount uses) => Interlocked.Exchange(ref _lastUsed, uses.Next());

    /// <summary>False when the replica is leaving.</summary>
    public bool TryHold()
    {
        while (Volatile.Read(ref _holders) is >= 0 and var holders)
        {
            if (Interlocked.CompareExchange(ref _holders, holders + 1, holders) == holders)
            {
                return true;
            }
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            End(_freed);
        }
    }

    /// <summary>Ends when nothing held the replica for a moment.</summary>
    public Task FreedAsync()
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var freed = Interlocked.CompareExchange(ref _freed, made, null) ?? made;

        // Looked at after it was set: who lets go before that is seen here, who does later sees it.
        if (Volatile.Read(ref _holders) <= 0)
        {
            End(freed);
        }

        return freed.Task;
    }

    /// <summary>Ends one wait for all who share it; the next wait gets a new one.</summary>
    private void End(TaskCompletionSource? freed)
    {
        if (freed is not null)
        {
            Interlocked.CompareExchange(ref _freed, null, freed);
            freed.TrySetResult();
        }
    }

    /// <summary>From now on nobody can hold it; false while someone does.</summary>
    public bool TryLeave() => Interlocked.CompareExchange(ref _holders, Leaving, 0) == 0;
}
