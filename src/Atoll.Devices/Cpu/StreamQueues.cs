namespace Atoll.Devices;

/// <summary>
/// The two queues of a stream: the host queue of launches, which submitters fill, and the bounded device queue of
/// kernels, into which units forward. Submitters share a lock; units own the device queue by a word, so neither waits
/// for the other.
/// </summary>
internal sealed class StreamQueues(int launches, int kernels)
{
    private readonly Launch[] _host = new Launch[launches];
    private readonly DeviceQueue _device = new(kernels);
    private long _head;
    private long _tail;
    private long _forward;
    private int _forwardKernel;
    private long _waitingKernels;
    private int _owner;

    /// <summary>Held by whoever adds to the host queue.</summary>
    public Lock Submitting { get; } = new();

    /// <summary>Launches that were added and not removed.</summary>
    public int Depth => (int)(Volatile.Read(ref _tail) - Volatile.Read(ref _head));

    /// <summary>Kernels in the host queue that were not forwarded yet.</summary>
    public long WaitingKernels => Math.Max(0, Interlocked.Read(ref _waitingKernels));

    /// <summary>The launch at the head, or one that was there before when the queue is empty.</summary>
    public Launch? Head => _host[Volatile.Read(ref _head) % _host.Length];

    /// <summary>Adds a launch under the lock of submitters, who have seen that there is room.</summary>
    public void Add(Launch launch)
    {
        Interlocked.Add(ref _waitingKernels, launch.Program.Kernels.Length);
        _host[_tail % _host.Length] = launch;
        Volatile.Write(ref _tail, _tail + 1);
    }

    /// <summary>Asks every launch to end; returns how many.</summary>
    public int CancelAll()
    {
        var told = 0;
        lock (Submitting)
        {
            for (var index = Volatile.Read(ref _head); index < _tail; index++)
            {
                _host[index % _host.Length].CancelRequested = true;
                told++;
            }
        }

        return told;
    }

    /// <summary>Ends everything as cancelled; the units have stopped.</summary>
    public void Abandon(long now)
    {
        lock (Submitting)
        {
            while (_head < _tail)
            {
                var launch = _host[_head % _host.Length];
                _head++;
                if (!launch.IsEnded)
                {
                    launch.End(LaunchStatus.Cancelled, now);
                }
            }
        }
    }

    /// <summary>Forwards kernels until the device queue holds the limit; takes its first one.</summary>
    public bool TryTake(int limit, out QueuedKernel next)
    {
        Own();
        Forward(limit);
        var hasKernel = _device.Count > 0;
        next = hasKernel ? _device.Pop() : default;
        Volatile.Write(ref _owner, 0);
        return hasKernel;
    }

    /// <summary>
    /// Removes the launch at the head; first takes what is left of it out of both queues, since it may be submitted
    /// again.
    /// </summary>
    public void RemoveHead(Launch launch)
    {
        Own();
        while (_device.Count > 0 && _device.Peek().HostIndex == _head)
        {
            _device.Pop();
        }

        if (_forward == _head)
        {
            Interlocked.Add(ref _waitingKernels, _forwardKernel - launch.Program.Kernels.Length);
            _forward++;
            _forwardKernel = 0;
        }

        Volatile.Write(ref _owner, 0);
        Volatile.Write(ref _head, _head + 1);
    }

    /// <summary>
    /// Takes the device queue's kernels back to the host queue. Under wait-based preemption each is first fetched and
    /// its blocks claimed only to exit, as on a device whose queue cannot be edited. Returns how many kernels came
    /// back; none while a unit forwards.
    /// </summary>
    public int Evict(bool fetchEach)
    {
        if (Interlocked.CompareExchange(ref _owner, 1, 0) != 0)
        {
            return 0;
        }

        var evicted = _device.Count;
        if (evicted > 0)
        {
            var first = _device.Peek();
            while (_device.Count > 0)
            {
                var kernel = _device.Pop();
                if (fetchEach)
                {
                    ClaimWord.Exhaust(kernel.Launch.Program.Kernels[kernel.KernelIndex].Blocks);
                }
            }

            (_forward, _forwardKernel) = (first.HostIndex, first.KernelIndex);
            Interlocked.Add(ref _waitingKernels, evicted);
        }

        Volatile.Write(ref _owner, 0);
        return evicted;
    }

    private void Forward(int limit)
    {
        var tail = Volatile.Read(ref _tail);
        while (_device.Count < limit && _forward < tail)
        {
            var launch = _host[_forward % _host.Length];
            _device.Push(new QueuedKernel(launch, _forwardKernel, _forward));
            Interlocked.Decrement(ref _waitingKernels);
            if (++_forwardKernel == launch.Program.Kernels.Length)
            {
                _forwardKernel = 0;
                _forward++;
            }
        }
    }

    private void Own()
    {
        var spin = new SpinWait();
        while (Interlocked.CompareExchange(ref _owner, 1, 0) != 0)
        {
            spin.SpinOnce(-1);
        }
    }
}
