namespace Atoll.Serving;

/// <summary>
/// Lets one change of a name through at a time, of different names at once. A name that nobody changes takes no memory.
/// Thread-safe.
/// </summary>
internal sealed class NameGates
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Gate> _gates = [];

    /// <summary>Names that somebody changes or waits to change.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _gates.Count;
            }
        }
    }

    /// <summary>Waits for the changes before it, and makes this one.</summary>
    public async Task<T> RunAsync<T>(string name, Func<Task<T>> change, CancellationToken cancellation)
    {
        Gate? gate;
        lock (_lock)
        {
            if (!_gates.TryGetValue(name, out gate))
            {
                _gates.Add(name, gate = new Gate());
            }

            gate.Users++;
        }

        try
        {
            await gate.Turn.WaitAsync(cancellation);
            try
            {
                return await change();
            }
            finally
            {
                gate.Turn.Release();
            }
        }
        finally
        {
            lock (_lock)
            {
                if (--gate.Users == 0)
                {
                    _gates.Remove(name);
                    gate.Turn.Dispose();
                }
            }
        }
    }

    private sealed class Gate
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public int Users { get; set; }
    }
}
