namespace Atoll.Serving;

/// <summary>
/// Whether the server takes requests, for those who ask and those who wait for a change. Thread-safe.
/// </summary>
internal sealed class Readiness
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = NewSignal();
    private bool _isReady;

    /// <summary>The state, and a task that ends when it is another.</summary>
    public (bool IsReady, Task Changed) Current
    {
        get
        {
            lock (_lock)
            {
                return (_isReady, _changed.Task);
            }
        }
    }

    public bool IsReady => Current.IsReady;

    public void Set(bool isReady)
    {
        lock (_lock)
        {
            if (_isReady != isReady)
            {
                _isReady = isReady;
                _changed.SetResult();
                _changed = NewSignal();
            }
        }
    }

    // Continuations run on the pool, never under the lock.
    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
