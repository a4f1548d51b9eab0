using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Devices;

/// <summary>
/// One compute unit: a thread pinned to a CPU that claims blocks. Real-time blocks run first; when one comes while a
/// best-effort block runs, the unit runs it nested at the block's yield point and then goes on with the block.
/// </summary>
internal sealed class ComputeUnit : IDisposable
{
    // A unit serves one best-effort stream this long before it asks the policy again.
    private static readonly TimeSpan Quantum = TimeSpan.FromMicroseconds(200);

    // How the operating system ranks the thread: behind everything, raised by a submitter, or first among ordinary
    // threads.
    private const int Background = 0;
    private const int Boosted = 1;
    private const int Ordinary = 2;

    private readonly CpuDevice _device;
    private readonly ThreadParking _parking = new();
    private readonly UnitContext _bestEffort;
    private readonly UnitContext _realTime;
    private readonly Thread _thread;
    private readonly int _cpu;
    private readonly long _quantumTicks;
    private readonly long _spinTicks;
    private StreamView[] _views = new StreamView[16];
    private CpuStream[] _candidates = new CpuStream[16];
    private CpuStream? _realTimeStream;
    private int _standing;
    private int _systemThread;
    private int _isServing;
    private bool _wasRunning;
    private long _noticedAt;
    private long _evictedAt;
    private int _isInBlock;
    private long _lastBestEffort;
    private readonly long _starvationTicks;

    public ComputeUnit(CpuDevice device, int index, int cpu)
    {
        _device = device;
        Index = index;
        _cpu = cpu;
        _quantumTicks = device.TicksOf(Quantum);
        _spinTicks = device.TicksOf(device.Options.SpinTime);
        _starvationTicks = device.TicksOf(device.Options.StarvationLimit);
        _bestEffort = new UnitContext(this, device, mayNest: true);
        _realTime = new UnitContext(this, device, mayNest: false);
        Timeline = new UnitTimeline(index);
        _thread = new Thread(Loop, 1 << 20) { IsBackground = true, Name = $"atoll-unit-{index}" };
    }

    public int Index { get; }

    public UnitTimeline Timeline { get; }

    /// <summary>The system's id of the unit's thread; 0 until it runs.</summary>
    public int SystemThread => Volatile.Read(ref _systemThread);

    public long RealTimeTicks { get; private set; }

    public long BestEffortTicks { get; private set; }

    public long RealTimeBlocks { get; private set; }

    public long BestEffortBlocks { get; private set; }

    /// <summary>A best-effort block is running, possibly interrupted.</summary>
    public bool IsInBestEffortBlock => Volatile.Read(ref _isInBlock) != 0;

    /// <summary>The unit has turned to real-time work.</summary>
    public bool IsServing => Volatile.Read(ref _isServing) != 0;

    public void Start() => _thread.Start();

    /// <summary>
    /// Called by a submitter when the unit does not answer: another process holds its CPU. Whatever the unit's standing
    /// says: the system may have taken the CPU away in the middle of a change. The unit steps back by itself once it
    /// has come to run.
    /// </summary>
    public void Boost()
    {
        var thread = SystemThread;
        if (thread != 0)
        {
            // Marked before, as the raised unit may displace this very thread; and after, as it may step back in
            // between: who is raised is always marked as raised.
            Volatile.Write(ref _standing, Boosted);
            ThreadScheduling.TryFifo(1, thread);
            Volatile.Write(ref _standing, Boosted);
        }
    }

    /// <summary>Wakes the unit if it sleeps; false if it was awake.</summary>
    public bool TryWake() => _parking.TryWake();

    public void Join() => _thread.Join();

    public void Dispose()
    {
        _bestEffort.Dispose();
        _realTime.Dispose();
    }

    /// <summary>Runs real-time blocks on top of the interrupted block; returns the ticks it took.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public long ServeRealTimeNested()
    {
        var start = _device.Now;
        _wasRunning = true;
        // A block of best-effort work runs right now, so its wait starts here.
        _lastBestEffort = start;
        ServeRealTime(start, isNested: true);
        return _device.Now - start;
    }

    private void Loop()
    {
        _device.PlaceThread(_cpu);
        Volatile.Write(ref _systemThread, ThreadScheduling.CurrentThread);
        while (!_device.IsStopping)
        {
            _bestEffort.Look();
            if (_device.WantsUnit)
            {
                ServeRealTime(_device.Now, isNested: false);
            }

            if (PickBestEffort() is { } stream)
            {
                Demote();
                Serve(stream);
            }
            else if (!_device.IsStopping)
            {
                WaitForWork();
            }
        }
    }

    private CpuStream? PickBestEffort()
    {
        if (!_device.HasRealTime)
        {
            return Pick(_device.Preempts ? WorkClass.BestEffort : null);
        }

        var start = _device.Now;
        var choice = Pick(WorkClass.BestEffort);
        _device.Statistics.AddSelection(_device.Now - start);
        return choice;
    }

    private void Serve(CpuStream stream)
    {
        var until = _device.Now + _quantumTicks;
        while (!_device.IsStopping && stream.IsReady && stream.TryClaim(out var claim))
        {
            var now = Run(stream, claim, _bestEffort);
            if (now > until || _device.WantsUnit)
            {
                return;
            }
        }
    }

    /// <summary>Claims real-time blocks until no real-time work is left, or until padding may have this unit.</summary>
    private void ServeRealTime(long noticedAt, bool isNested)
    {
        _noticedAt = noticedAt;
        Volatile.Write(ref _isServing, 1);
        _device.Enter(this);
        _evictedAt = _device.Now;
        while (_device.HasRealTime)
        {
            _realTime.Look();
            if (PickRealTime() is { } stream && stream.TryClaim(out var claim))
            {
                var now = Run(stream, claim, _realTime);
                Elevate();
                if (now - _lastBestEffort > _starvationTicks && (isNested || _device.HasBestEffort))
                {
                    // One best-effort block, then this unit is back: the answer to a saturating real-time load.
                    RunOneStarved(isNested, now);
                    break;
                }

                continue;
            }

            if ((isNested || _device.HasBestEffort) && _device.TryLeaveForPadding())
            {
                _wasRunning = false;
                Volatile.Write(ref _isServing, 0);
                return;
            }

            Pause();
        }

        _device.Leave();
        _wasRunning = false;
        Volatile.Write(ref _isServing, 0);
        Demote();
    }

    // A nested unit gets back to its interrupted block by returning.
    private void RunOneStarved(bool isNested, long now)
    {
        _lastBestEffort = now;
        if (!isNested && Pick(WorkClass.BestEffort) is { } stream && stream.TryClaim(out var claim))
        {
            Run(stream, claim, _bestEffort);
        }
    }

    private static void Pause()
    {
        if (X86Base.IsSupported)
        {
            X86Base.Pause();
        }
    }

    private CpuStream? PickRealTime() =>
        _realTimeStream is { IsReady: true } current && current.Depth > 0 && !_device.HasSeveralRealTime
            ? current
            : _realTimeStream = Pick(WorkClass.RealTime);

    private long Run(CpuStream stream, in BlockClaim claim, UnitContext context)
    {
        var front = claim.Front;
        if (front.IsVoid)
        {
            stream.Finish(front);
            return _device.Now;
        }

        (context.Stream, context.Front, context.IsLeft, context.NestedTicks) = (stream, front, false, 0);
        var isBestEffort = ReferenceEquals(context, _bestEffort);
        var start = _device.Now;
        OnBlockStart(front, claim.IsRepeat, isBestEffort, start);
        try
        {
            front.Kernel.RunBlock(claim.Block, context);
        }
        catch (Exception failure)
        {
            front.Launch.Failure ??= failure;
        }

        var end = _device.Now;
        OnBlockEnd(stream, isBestEffort, start, end, context.NestedTicks);
        if (context.IsLeft && !front.IsVoid)
        {
            Interlocked.Increment(ref _device.Statistics.StoppedCount);
            stream.Return(claim.Block);
        }
        else
        {
            stream.Finish(front);
        }

        return end;
    }

    private void OnBlockStart(KernelFront front, bool isRepeat, bool isBestEffort, long now)
    {
        if (isRepeat)
        {
            Interlocked.Increment(ref _device.Statistics.RepeatedCount);
        }

        if (isBestEffort)
        {
            Volatile.Write(ref _isInBlock, 1);
        }

        if (front.KernelIndex == 0 && front.Launch.StartedBlocks < _device.Units)
        {
            _device.OnFirstBlocks(front, now, _noticedAt, _evictedAt, _wasRunning);
        }
    }

    private void OnBlockEnd(CpuStream stream, bool isBestEffort, long start, long end, long nested)
    {
        var own = end - start - nested;
        stream.AddService(own, end);
        Timeline.Add(start, end, stream.Id, stream.Class);
        if (!isBestEffort)
        {
            RealTimeTicks += own;
            RealTimeBlocks++;
            return;
        }

        Volatile.Write(ref _isInBlock, 0);
        BestEffortTicks += own;
        BestEffortBlocks++;
        _lastBestEffort = end;
        if (_device.HasRealTime)
        {
            Interlocked.Add(ref _device.Statistics.PaddedTicks, own);
        }
    }

    private CpuStream? Pick(WorkClass? only)
    {
        var streams = _device.Streams;
        if (streams.Length > _views.Length)
        {
            (_views, _candidates) = (new StreamView[streams.Length], new CpuStream[streams.Length]);
        }

        // One launch at a time means waiting for the last blocks of the one in progress, though none of it can be
        // claimed.
        var isSequential = _device.Mode == ShareMode.Sequential;
        var count = 0;
        foreach (var stream in streams)
        {
            if ((only is null || stream.Class == only) && (isSequential ? stream.IsDue : stream.IsReady))
            {
                stream.Describe(ref _views[count]);
                _candidates[count++] = stream;
            }
        }

        if (count == 0)
        {
            return null;
        }

        var choice = _device.Policy.Select(_views.AsSpan(0, count), _device.Now);
        return choice >= 0 && _candidates[choice].IsReady ? _candidates[choice] : null;
    }

    private void WaitForWork()
    {
        var until = _device.Now + _spinTicks;
        var spins = 0;
        while (!_device.HasWork && !_bestEffort.HasNews && !_device.IsStopping)
        {
            Pause();
            // The clock costs more than the check, so it is read now and then only.
            if ((++spins & 31) == 0 && _device.Now is var now && now > until && now > _device.AwakeUntil &&
                !_device.HasRealTime)
            {
                Park();
                return;
            }
        }
    }

    private void Park()
    {
        _parking.Announce();
        if (_device.HasWork || _bestEffort.HasNews || _device.IsStopping)
        {
            _parking.Withdraw();
            return;
        }

        _parking.Sleep();
    }

    private void Elevate()
    {
        if (_standing != Ordinary && _device.Rights == SchedulingRights.Full)
        {
            // In this order: raised in between, the unit is marked as raised.
            Volatile.Write(ref _standing, Ordinary);
            ThreadScheduling.TryBatch();
        }
    }

    private void Demote()
    {
        if (_standing != Background && !_device.HasRealTime)
        {
            Interlocked.Exchange(ref _standing, Background);
            ThreadScheduling.TryIdle();
            if (_device.HasRealTime)
            {
                // It came in between, when a submitter still saw a raised thread.
                Elevate();
            }
        }
    }
}
