using System.Runtime.CompilerServices;

namespace Atoll.Devices;

/// <summary>
/// A stream of a <see cref="CpuDevice"/>. Launches wait in the host queue, kernels are forwarded into a bounded device
/// queue, and one kernel at a time is the front whose blocks units claim. Submitters touch the host queue only; the
/// rest is advanced by whichever unit finished the last block, so no lock is shared between a submitter and a unit.
/// </summary>
internal sealed class CpuStream : DeviceStream
{
    private const int Idle = 0;
    private const int Advancing = 1;
    private const int Running = 2;

    private readonly CpuDevice _device;
    private readonly StreamQueues _queues;
    private readonly KernelFront[] _fronts = [new(), new()];
    private readonly LeftBlocks _left;
    private long _generation;
    private long _claim = ClaimWord.Empty;
    private int _done;
    private int _phase = Idle;
    private long _serviceTicks;
    private long _servedAt;
    private volatile bool _isClosed;

    public CpuStream(CpuDevice device, int id, DeviceClient client, StreamOptions options)
        : base(device, client, options)
    {
        _device = device;
        Id = id;
        _queues = new StreamQueues(options.QueueCapacity,
            Math.Max(CpuDevice.WaitQueueCapacity, device.DeviceQueueCapacity));
        _left = new LeftBlocks(device.Units);
    }

    public int Id { get; }

    public override int Depth => _queues.Depth;

    /// <summary>Kernels in the host queue that were not forwarded yet.</summary>
    public long QueuedKernels => _queues.WaitingKernels;

    /// <summary>A launch is on the device, whether or not a block can be claimed right now.</summary>
    public bool IsActive => Volatile.Read(ref _phase) != Idle || Depth > 0;

    /// <summary>A launch waits or runs and nobody has suspended it.</summary>
    public bool IsDue => IsActive && (IsReady || !Client.IsSuspended);

    public bool IsClosed => _isClosed;

    public double VirtualTime => Interlocked.Read(ref _serviceTicks) / Options.Weight;

    public long ServedAt => Volatile.Read(ref _servedAt);

    /// <summary>A unit that asks now can probably claim a block.</summary>
    public bool IsReady
    {
        get
        {
            if (!MayAdvance)
            {
                return false;
            }

            return Volatile.Read(ref _phase) switch
            {
                Running => !_left.IsEmpty || ClaimWord.HasBlock(Volatile.Read(ref _claim)),
                Idle => Depth > 0,
                _ => false,
            };
        }
    }

    /// <summary>The client is not suspended, or the launch at the head only has to be ended as cancelled.</summary>
    public bool MayAdvance => !Client.IsSuspended || HeadIsVoid;

    private bool HeadIsVoid => Depth > 0 && _queues.Head is { CancelRequested: true };

    public override SubmitResult Submit(Launch launch)
    {
        ArgumentNullException.ThrowIfNull(launch);
        var now = _device.Now;
        StreamChecks.CheckOwner(_device, launch);
        if (RefusalOf(launch, now) is { } refusal)
        {
            // Not to stop best-effort work for a launch that does not come.
            return refusal;
        }

        // Units are called before the launch is queued: they come to their yield points in the meantime.
        var announcedAt = _device.Announce(this);
        var result = TryEnqueue(launch, now, announcedAt);
        if (result == SubmitResult.Accepted)
        {
            _device.OnSubmitted(launch, announcedAt != 0);
        }
        else if (announcedAt != 0)
        {
            _device.Withdraw();
        }

        return result;
    }

    /// <inheritdoc/>
    public override int CancelAll()
    {
        var told = _queues.CancelAll();
        _device.Signal();
        return told;
    }

    public void Describe(ref StreamView view)
    {
        view.Class = Class;
        view.Priority = Options.Priority;
        view.Weight = Options.Weight;
        view.VirtualTime = VirtualTime;
        view.InProgress = Volatile.Read(ref _phase) != Idle;
        if (_queues.Head is { } head)
        {
            view.Deadline = head.Deadline;
            view.Sequence = head.Sequence;
            view.WaitingSince = Math.Max(ServedAt, head.SubmittedAt);
            view.RemainingTicks = head.Program.ExpectedTicks * Depth;
        }
    }

    /// <summary>Claims one block, bringing the next launch to the front if the stream was idle.</summary>
    public bool TryClaim(out BlockClaim claim)
    {
        if (Volatile.Read(ref _phase) == Idle && Depth > 0 &&
            Interlocked.CompareExchange(ref _phase, Advancing, Idle) == Idle)
        {
            FetchNext();
        }

        if (!_left.IsEmpty && _left.TryTake(out var left))
        {
            // A left block keeps its kernel at the front, so the current generation is its own.
            claim = new BlockClaim(_fronts[_generation & 1], left, true);
            return true;
        }

        if (ClaimWord.HasBlock(Volatile.Read(ref _claim)))
        {
            var word = Interlocked.Increment(ref _claim) - 1;
            if (ClaimWord.HasBlock(word))
            {
                claim = new BlockClaim(_fronts[ClaimWord.Slot(word)], ClaimWord.Next(word), false);
                return true;
            }
        }

        claim = default;
        return false;
    }

    /// <summary>Gives a started block back to be repeated, on any unit.</summary>
    public void Return(int block) => _left.Add(block);

    /// <summary>
    /// Counts a block as done; the unit that finishes the last one brings the next kernel to the front.
    /// </summary>
    public void Finish(KernelFront front)
    {
        // Read first: once the block counts as done, others may end this kernel and rewrite its front for a later one.
        var blocks = front.Blocks;
        if (Interlocked.Increment(ref _done) == blocks)
        {
            Volatile.Write(ref _phase, Advancing);
            Advance(front);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddService(long ticks, long now)
    {
        Interlocked.Add(ref _serviceTicks, ticks);
        Volatile.Write(ref _servedAt, now);
    }

    /// <inheritdoc cref="StreamQueues.Evict"/>
    public int Evict(bool fetchEach) => _queues.Evict(fetchEach);

    /// <summary>Ends everything as cancelled; the units have stopped.</summary>
    public void Abandon(long now) => _queues.Abandon(now);

    protected override void Dispose(bool disposing)
    {
        _isClosed = true;
        CancelAll();
        _device.Remove(this);
    }

    private SubmitResult? RefusalOf(Launch launch, long now)
    {
        if (_device.IsStopping || _isClosed)
        {
            return SubmitResult.Disposed;
        }

        if (Depth >= Options.QueueCapacity)
        {
            return SubmitResult.QueueFull;
        }

        return launch.Deadline != 0 && !_device.Admits(this, launch, now) ? SubmitResult.NotAdmitted : null;
    }

    private SubmitResult TryEnqueue(Launch launch, long now, long announcedAt)
    {
        lock (_queues.Submitting)
        {
            if (RefusalOf(launch, now) is { } refusal)
            {
                return refusal;
            }

            if (!launch.TryQueue(this, now))
            {
                return SubmitResult.Busy;
            }

            launch.SignalledAt = announcedAt;
            Enqueue(launch, now);
            return SubmitResult.Accepted;
        }
    }

    private void Enqueue(Launch launch, long now)
    {
        launch.Sequence = _device.NextSequence();
        if (Depth == 0)
        {
            // A stream that comes back starts level with those that stayed, or it would hold the device to itself.
            RaiseService(_device.LeastServiceOf(this));
            Volatile.Write(ref _servedAt, now);
        }

        _queues.Add(launch);
    }

    private void RaiseService(double virtualTime)
    {
        var least = (long)(virtualTime * Options.Weight);
        var mine = Interlocked.Read(ref _serviceTicks);
        if (least > mine)
        {
            Interlocked.CompareExchange(ref _serviceTicks, least, mine);
        }
    }

    private void Advance(KernelFront front)
    {
        var launch = front.Launch;
        launch.CompletedKernels = front.KernelIndex + 1;
        if (front.IsVoid)
        {
            EndHead(launch, launch.Failure is null ? LaunchStatus.Cancelled : LaunchStatus.Failed);
        }
        else if (front.KernelIndex + 1 == launch.Program.Kernels.Length)
        {
            EndHead(launch, LaunchStatus.Completed);
        }

        FetchNext();
    }

    /// <summary>
    /// Publishes the next runnable kernel as the front, or goes idle. The caller owns the Advancing phase.
    /// </summary>
    private void FetchNext()
    {
        while (true)
        {
            if (!_queues.TryTake(_device.DeviceQueueCapacity, out var next))
            {
                Interlocked.Exchange(ref _phase, Idle);
                if (Depth == 0 || Interlocked.CompareExchange(ref _phase, Advancing, Idle) != Idle)
                {
                    return;
                }

                continue;
            }

            if (next.KernelIndex > 0 || TryBegin(next.Launch))
            {
                Publish(next);
                return;
            }
        }
    }

    private bool TryBegin(Launch launch)
    {
        var now = _device.Now;
        if (launch.CancelRequested)
        {
            EndHead(launch, LaunchStatus.Cancelled);
            return false;
        }

        if (launch.Deadline != 0 && now > launch.Deadline)
        {
            EndHead(launch, LaunchStatus.Late);
            return false;
        }

        launch.Begin(now);
        _device.OnBegin(this, launch);
        return true;
    }

    private void Publish(in QueuedKernel next)
    {
        var generation = ++_generation;
        var program = next.Launch.Program;
        var front = _fronts[generation & 1];
        front.Kernel = (CpuKernel)program.Kernels[next.KernelIndex];
        front.Launch = next.Launch;
        front.KernelIndex = next.KernelIndex;
        front.Blocks = front.Kernel.Blocks;
        front.IsLeavable = program.Analysis.Effects[next.KernelIndex] == KernelEffect.Idempotent;
        _done = 0;
        Volatile.Write(ref _claim, ClaimWord.Pack(generation, front.Blocks));
        Volatile.Write(ref _phase, Running);
        _device.OnKernelPublished(this, front);
    }

    private void EndHead(Launch launch, LaunchStatus status)
    {
        _queues.RemoveHead(launch);
        _device.OnEnded(this, launch, status);
    }
}
