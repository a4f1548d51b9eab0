namespace Atoll.Devices;

/// <summary>Where a launch is between submit and end.</summary>
public enum LaunchStatus
{
    /// <summary>Never submitted, or ready to be submitted again.</summary>
    Idle,
    Queued,
    Running,
    Completed,

    /// <summary>Dropped or stopped on request; its outputs are undefined.</summary>
    Cancelled,

    /// <summary>Its deadline had passed before it started, so it was dropped.</summary>
    Late,

    /// <summary>A kernel threw; see <see cref="Launch.Failure"/>.</summary>
    Failed,
}

/// <summary>The answer of a submit. Everything but <see cref="Accepted"/> leaves the launch idle.</summary>
public enum SubmitResult
{
    Accepted,

    /// <summary>The stream's host queue holds <see cref="StreamOptions.QueueCapacity"/> launches already.</summary>
    QueueFull,

    /// <summary>The policy expects the deadline to be missed.</summary>
    NotAdmitted,

    /// <summary>The launch is queued or running already.</summary>
    Busy,

    /// <summary>The device or the stream was disposed.</summary>
    Disposed,
}

/// <summary>
/// One request to run a program, made once and submitted many times: submitting allocates nothing. Owned by the caller;
/// between submit and completion only <see cref="Cancel"/> and the wait methods may be called.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001",
    Justification = "A ManualResetEventSlim whose WaitHandle is never taken holds nothing to dispose.")]
public sealed class Launch
{
    private readonly ManualResetEventSlim _done = new(false, 0);
    private int _status;
    internal volatile bool CancelRequested;
    internal DeviceStream? Stream;
    internal long Sequence;
    internal long SignalledAt;
    internal int StartedBlocks;
    internal bool IsPadded;
    internal bool IsGuarded;

    /// <summary>Counted as real-time work of a device that preempts.</summary>
    internal bool IsGated => SignalledAt != 0;

    public Launch(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        Program = program;
    }

    public Program Program { get; }

    /// <summary>Device timestamp before which the launch must start, or it is dropped as late; 0 = none.</summary>
    public long Deadline { get; set; }

    /// <summary>
    /// Runs on a compute unit when the launch ends; may submit it again. Must be brief, must not block or throw.
    /// </summary>
    public Action<Launch>? OnEnded { get; set; }

    /// <summary>For the caller's use, e.g. in <see cref="OnEnded"/>.</summary>
    public object? State { get; set; }

    public LaunchStatus Status => (LaunchStatus)Volatile.Read(ref _status);

    public bool IsEnded => Status is not (LaunchStatus.Idle or LaunchStatus.Queued or LaunchStatus.Running);

    /// <summary>Kernels of the program that are complete.</summary>
    public int CompletedKernels { get; internal set; }

    public Exception? Failure { get; internal set; }

    /// <summary>Device timestamps: entry of submit, first block claimed, last needed unit started, end.</summary>
    public long SubmittedAt { get; internal set; }

    public long StartedAt { get; internal set; }

    /// <summary>
    /// When all blocks that could start at once (at most one per unit) of the first kernel had started.
    /// </summary>
    public long SpreadAt { get; internal set; }

    public long EndedAt { get; internal set; }

    /// <summary>Drops the launch if it is queued and stops its running blocks at their next yield point.</summary>
    public void Cancel()
    {
        CancelRequested = true;
        Stream?.Device.Signal();
    }

    /// <summary>Blocks until the launch has ended; false when the time ran out first.</summary>
    public bool Wait(TimeSpan timeout) => Program.Device.WaitFor(this, timeout);

    public LaunchStatus Wait()
    {
        Wait(Timeout.InfiniteTimeSpan);
        return Status;
    }

    internal bool WaitForEnd(TimeSpan timeout) => _done.Wait(timeout);

    internal bool TryQueue(DeviceStream stream, long now)
    {
        var status = Status;
        if (status is LaunchStatus.Queued or LaunchStatus.Running ||
            Interlocked.CompareExchange(ref _status, (int)LaunchStatus.Queued, (int)status) != (int)status)
        {
            return false;
        }

        _done.Reset();
        Stream = stream;
        CancelRequested = false;
        StartedBlocks = 0;
        CompletedKernels = 0;
        IsPadded = IsGuarded = false;
        Failure = null;
        SubmittedAt = now;
        StartedAt = SpreadAt = EndedAt = SignalledAt = 0;
        return true;
    }

    internal void Begin(long now)
    {
        StartedAt = now;
        Volatile.Write(ref _status, (int)LaunchStatus.Running);
    }

    internal void End(LaunchStatus status, long now)
    {
        EndedAt = now;
        Volatile.Write(ref _status, (int)status);
        // Set first: OnEnded may submit the launch again.
        _done.Set();
        OnEnded?.Invoke(this);
    }
}
