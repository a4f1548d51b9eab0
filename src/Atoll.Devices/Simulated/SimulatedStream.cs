namespace Atoll.Devices;

/// <summary>
/// A stream of a <see cref="SimulatedDevice"/>: host queue, a count of what its device queue holds, the front kernel.
/// </summary>
internal sealed class SimulatedStream : DeviceStream
{
    private readonly SimulatedDevice _device;
    private readonly LinkedList<Launch> _launches = new();

    public SimulatedStream(SimulatedDevice device, DeviceClient client, StreamOptions options)
        : base(device, client, options) => _device = device;

    public override int Depth => _launches.Count;

    public Launch? Head => _launches.First?.Value;

    /// <summary>The head launch's current kernel, once it was looked at.</summary>
    public KernelRun? Front { get; set; }

    /// <summary>Kernels of the head launch that are complete.</summary>
    private int CompleteKernels => Front is null ? 0 : Front.Index + (Front.Done == Front.Kernel.Blocks ? 1 : 0);

    /// <summary>Kernels of all queued launches that are not complete.</summary>
    public int PendingKernels { get; set; }

    /// <summary>Those of them that the device queue holds, the running one included.</summary>
    public int Forwarded { get; set; }

    public bool IsForwarding { get; set; }

    public bool IsClosed { get; private set; }

    public double VirtualTime { get; set; }

    public long WaitingSince { get; set; }

    public IEnumerable<Launch> Launches => _launches;

    public bool IsReady => Head is not null && !Client.IsSuspended;

    public override SubmitResult Submit(Launch launch) => _device.Submit(this, launch);

    /// <inheritdoc/>
    public override int CancelAll() => _device.CancelAll(this);

    public void Enqueue(Launch launch)
    {
        _launches.AddLast(launch);
        PendingKernels += launch.Program.Kernels.Length;
    }

    /// <summary>Takes a launch out, with the kernels of it that are not complete.</summary>
    public void Remove(Launch launch)
    {
        var isHead = ReferenceEquals(Head, launch);
        _launches.Remove(launch);
        PendingKernels -= launch.Program.Kernels.Length - (isHead ? CompleteKernels : 0);
        Forwarded = Math.Min(Forwarded, PendingKernels);
        Front = isHead ? null : Front;
    }

    /// <summary>Counts the front kernel as complete, on the device queue too.</summary>
    public void CompleteFront()
    {
        PendingKernels--;
        Forwarded = Math.Max(0, Forwarded - 1);
    }

    public StreamView Describe() => new()
    {
        Class = Class,
        Priority = Options.Priority,
        Weight = Options.Weight,
        VirtualTime = VirtualTime,
        WaitingSince = WaitingSince,
        Deadline = Head?.Deadline ?? 0,
        Sequence = Head?.Sequence ?? 0,
        InProgress = Head?.Status == LaunchStatus.Running,
    };

    protected override void Dispose(bool disposing)
    {
        IsClosed = true;
        CancelAll();
        _device.Remove(this);
    }
}
