namespace Atoll.Devices;

/// <summary>
/// An accelerator that owns its memory, programs and queues; clients hold handles only. Real-time launches preempt
/// best-effort ones as <see cref="ShareMode"/> says. Thread-safe.
/// </summary>
public abstract class Device : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<DeviceBuffer> _buffers = [];
    private long _bytesInUse;

    protected Device(string name, long memoryBytes)
    {
        Name = name;
        MemoryBytes = memoryBytes;
        DefaultClient = new DeviceClient(this, "default", memoryBytes);
    }

    public string Name { get; }

    /// <summary>Most memory in bytes that all buffers together may hold.</summary>
    public long MemoryBytes { get; }

    public long MemoryInUseBytes => Interlocked.Read(ref _bytesInUse);

    public DeviceClient DefaultClient { get; }

    /// <summary>Number of compute units.</summary>
    public abstract int Units { get; }

    public abstract ShareMode Mode { get; }

    /// <summary>The clock of all device timestamps: real time, or virtual time on a simulated device.</summary>
    public abstract TimeProvider Clock { get; }

    /// <summary>Scratch bytes that each compute unit offers a block.</summary>
    public virtual int ScratchBytes => 4 << 20;

    public DeviceClient CreateClient(string name, long memoryBudgetBytes) => new(this, name, memoryBudgetBytes);

    /// <summary>Allocates zeroed memory within the client's budget and the device's size.</summary>
    /// <exception cref="DeviceException">Budget or device memory exceeded; says both limits and what is in
    /// use.</exception>
    public DeviceBuffer Allocate(long bytes, DeviceClient? client = null)
    {
        client ??= DefaultClient;
        lock (_lock)
        {
            Charge_NeedsLock(bytes, client);
            var buffer = new DeviceBuffer(client, bytes);
            _buffers.Add(buffer);
            return buffer;
        }
    }

    /// <summary>
    /// Counts memory that the caller holds for work on this device within the client's budget and the device's size.
    /// </summary>
    /// <exception cref="DeviceException">As in <see cref="Allocate"/>; nothing is counted then.</exception>
    public MemoryCharge Charge(long bytes, DeviceClient? client = null)
    {
        client ??= DefaultClient;
        lock (_lock)
        {
            Charge_NeedsLock(bytes, client);
            return new MemoryCharge(client, bytes);
        }
    }

    /// <summary>Checks and classifies a sequence of kernels and makes a program of it.</summary>
    /// <exception cref="DeviceException">No kernels, a foreign or freed buffer, or more scratch than a unit
    /// has.</exception>
    public Program Load(string name, IReadOnlyList<Kernel> kernels)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (kernels.Count == 0)
        {
            throw new DeviceException(DeviceError.InvalidProgram, $"program '{name}' has no kernels");
        }

        foreach (var kernel in kernels)
        {
            Check(name, kernel);
        }

        return new Program(this, name, kernels);
    }

    public abstract DeviceStream CreateStream(StreamOptions options);

    /// <summary>Says that a real-time launch will come soon, so that sleeping units wake and wait for it.</summary>
    public abstract void Hint(TimeSpan within);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes every unit look at its state at the next yield point.</summary>
    internal abstract void Signal();

    /// <summary>Waits until the launch has ended; false when the time ran out first.</summary>
    internal virtual bool WaitFor(Launch launch, TimeSpan timeout) => launch.WaitForEnd(timeout);

    internal void SetSuspended(DeviceClient client, bool suspended)
    {
        lock (_lock)
        {
            if (client.IsSuspended != suspended)
            {
                client.IsSuspended = suspended;
                SuspendedClients += suspended ? 1 : -1;
            }
        }

        Signal();
    }

    /// <summary>Number of suspended clients, so that hot paths look no further while it is zero.</summary>
    private protected int SuspendedClients;

    internal void Release(DeviceBuffer buffer)
    {
        lock (_lock)
        {
            if (_buffers.Remove(buffer))
            {
                buffer.Client.BytesInUse -= buffer.Length;
                _bytesInUse -= buffer.Length;
            }
        }
    }

    internal void Release(MemoryCharge charge)
    {
        lock (_lock)
        {
            charge.Client.BytesInUse -= charge.Bytes;
            _bytesInUse -= charge.Bytes;
        }
    }

    /// <summary>Device-specific check of a kernel, e.g. that its kind can run here.</summary>
    protected abstract void CheckKernel(string program, Kernel kernel);

    protected virtual void Dispose(bool disposing)
    {
        DeviceBuffer[] left;
        lock (_lock)
        {
            left = [.. _buffers];
        }

        foreach (var buffer in left)
        {
            buffer.Dispose();
        }
    }

    private void Charge_NeedsLock(long bytes, DeviceClient client)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes > MemoryBytes - _bytesInUse)
        {
            throw new DeviceException(DeviceError.OutOfMemory,
                $"{bytes} bytes asked for on {Name}: {_bytesInUse} of {MemoryBytes} bytes are in use (setting " +
                    $"device.memory)");
        }

        if (bytes > client.MemoryBudgetBytes - client.BytesInUse)
        {
            throw new DeviceException(DeviceError.ClientBudgetExceeded,
                $"client '{client.Name}' asked for {bytes} bytes on {Name}: {client.BytesInUse} of its budget of " +
                $"{client.MemoryBudgetBytes} bytes are in use");
        }

        client.BytesInUse += bytes;
        _bytesInUse += bytes;
    }

    private void Check(string program, Kernel kernel)
    {
        if (kernel.ScratchBytes > ScratchBytes)
        {
            throw new DeviceException(DeviceError.InvalidProgram,
                $"kernel '{kernel.Name}' of '{program}' needs {kernel.ScratchBytes} scratch bytes; a unit of {Name} " +
                    $"has {ScratchBytes}");
        }

        foreach (var access in kernel.Accesses)
        {
            if (!ReferenceEquals(access.Buffer.Client.Device, this) || access.Buffer.IsDisposed)
            {
                throw new DeviceException(DeviceError.ForeignObject,
                    $"kernel '{kernel.Name}' of '{program}' names a buffer that {Name} does not hold");
            }

            if (access.Offset < 0 || access.Length < 0 || access.Offset > access.Buffer.Length - access.Length)
            {
                throw new DeviceException(DeviceError.InvalidProgram,
                    $"kernel '{kernel.Name}' of '{program}' names bytes {access.Offset}+{access.Length} of a buffer " +
                        $"of {access.Buffer.Length}");
            }
        }

        CheckKernel(program, kernel);
    }
}
