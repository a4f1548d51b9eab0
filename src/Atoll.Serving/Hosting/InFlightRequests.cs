namespace Atoll.Serving;

/// <summary>Counts the requests in the server, bounds them, and lets shutdown wait for the last. Thread-safe.</summary>
internal sealed class InFlightRequests(int most)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;
    private bool _closed;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Null when the request may run; else why it may not.</summary>
    public string? TryEnter()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return "the server is shutting down";
            }

            if (_count >= most)
            {
                return $"{most} requests are in the server (setting serving.max_concurrent_requests)";
            }

            _count++;
            return null;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _count--;
            if (_closed && _count == 0)
            {
                _drained.TrySetResult();
            }
        }
    }

    /// <summary>Refuses new requests; the task ends when the last one has left.</summary>
    public Task CloseAsync()
    {
        lock (_lock)
        {
            _closed = true;
            if (_count == 0)
            {
                _drained.TrySetResult();
            }
        }

        return _drained.Task;
    }
}
