using System.Runtime.CompilerServices;

namespace Atoll.Devices;

/// <summary>
/// The processor as an accelerator: pinned worker threads are its compute units. Real-time work reaches a busy unit at
/// the next yield point of its running block, within about a microsecond, whatever is queued.
/// </summary>
public sealed unsafe class CpuDevice : Device
{
    /// <summary>
    /// A device queue that nobody can edit may as well be long: REEF's wait-based baseline uses the same.
    /// </summary>
    internal const int WaitQueueCapacity = 1024;

    /// <summary>Units burn power while they wait for what a hint announced.</summary>
    private static readonly TimeSpan HintMax = TimeSpan.FromSeconds(1);

    private readonly DeviceStreams _streams = new();
    private readonly ComputeUnit[] _units;

    // Room for one line of 128 bytes. Left to the collector: who submits, cancels or disposes a stream may touch the
    // word while the device is disposed, and after.
    private readonly byte[] _signalMemory = GC.AllocateArray<byte>(256, pinned: true);
    private readonly long* _signal;
    private readonly long _clockFrequency;
    private readonly RealTimeGate _gate;
    private readonly UnitCalls _calls;
    private readonly Eviction _eviction;
    private volatile ShareMode _mode;
    private volatile IPolicy _policy;
    private volatile bool _isStopping;
    private bool _isDisposed;
    private long _sequence;
    private long _awakeUntil;

    /// <exception cref="DeviceException">More units than CPUs, or another setting out of its range.</exception>
    public CpuDevice(CpuDeviceOptions options) : base(options.Name, options.MemoryBytes)
    {
        Options = options;
        Clock = options.Clock;
        _clockFrequency = Clock.TimestampFrequency;
        _signal = (long*)(((nint)Unsafe.AsPointer(ref _signalMemory[0]) + 127) & ~(nint)127);
        var cpus = options.UnitCpus();
        Units = cpus.Count;
        if (options.DeviceQueueCapacity < 1)
        {
            throw new DeviceException(
                DeviceError.InvalidSetting,
                $"device queue capacity {options.DeviceQueueCapacity}: at least 1 is needed");
        }

        _mode = options.Mode;
        _policy = PolicyFor(options.Mode);
        Rights = options.Rights ?? ThreadScheduling.Probe();
        CompiledPaths.Prepare();
        _units = [.. Enumerable.Range(0, Units).Select(i => new ComputeUnit(this, i, cpus[i]))];
        _calls = new UnitCalls(this, _units);
        _eviction = new Eviction(this, _units);
        _gate = new RealTimeGate(Units);
        Array.ForEach(_units, unit => unit.Start());
    }

    public CpuDeviceOptions Options { get; }

    public override int Units { get; }

    public override ShareMode Mode => _mode;

    public override TimeProvider Clock { get; }

    public IPolicy Policy => _policy;

    /// <summary>What the operating system lets this device's threads do.</summary>
    public SchedulingRights Rights { get; }

    /// <summary>Kernels of one stream that may sit between host queue and units, in the present mode.</summary>
    public int DeviceQueueCapacity => Options.DeviceQueueCapacity ?? (_mode == ShareMode.Wait ? WaitQueueCapacity : 4);

    public PreemptionStatistics Statistics { get; } = new();

    /// <summary>Unit time in seconds spent on blocks of the class since the device was made, over all units.</summary>
    public double BusySeconds(WorkClass workClass) =>
        _units.Sum(u => workClass == WorkClass.RealTime ? u.RealTimeTicks : u.BestEffortTicks) / (
            double)_clockFrequency;

    /// <summary>Blocks of the class run since the device was made, repeated ones counted each time.</summary>
    public long BlocksRun(WorkClass workClass) =>
        _units.Sum(u => workClass == WorkClass.RealTime ? u.RealTimeBlocks : u.BestEffortBlocks);

    /// <summary>Recent blocks of all units that ended after the timestamp; bounded by what units remember.</summary>
    public IReadOnlyList<TimelineSample> Timeline(long since)
    {
        var samples = new List<TimelineSample>();
        Array.ForEach(_units, unit => unit.Timeline.CopySince(since, samples));
        return samples;
    }

    /// <summary>Time between two device timestamps in microseconds.</summary>
    public double MicrosecondsBetween(long start, long end) => (end - start) * 1e6 / _clockFrequency;

    internal long Now => Clock.GetTimestamp();

    internal long* SignalWord => _signal;

    internal CpuStream[] Streams => _streams.All;

    internal bool IsStopping => _isStopping;

    internal bool Preempts => Mode >= ShareMode.Wait;

    internal long AwakeUntil => Volatile.Read(ref _awakeUntil);

    /// <summary>Real-time launches wait or run, and not all of them are suspended.</summary>
    internal bool HasRealTime => _gate.HasLaunch && !_isStopping &&
        (SuspendedClients == 0 || !_streams.IsAllRealTimeSuspended);

    internal bool HasSeveralRealTime => _gate.HasSeveral;

    internal bool HasBestEffort => _streams.HasReady(WorkClass.BestEffort);

    internal bool HasWork => _streams.HasReady(null) || (Preempts && WantsUnit);

    /// <summary>A unit at its top level should serve real-time work.</summary>
    internal bool WantsUnit => HasRealTime && (Mode != ShareMode.ResetPadding || _gate.IsShort || !HasBestEffort);

    public override DeviceStream CreateStream(StreamOptions options)
    {
        StreamChecks.Check(this, options);
        ObjectDisposedException.ThrowIf(_isStopping, this);
        return _streams.Add(id => new CpuStream(this, id, options.Client ?? DefaultClient, options));
    }

    /// <inheritdoc/>
    public override void Hint(TimeSpan within)
    {
        var until = Now + TicksOf(within < HintMax ? within : HintMax);
        if (until > AwakeUntil)
        {
            Volatile.Write(ref _awakeUntil, until);
        }

        _calls.WakeAll();
    }

    /// <summary>Shares the device in another way from now on.</summary>
    /// <exception cref="InvalidOperationException">Launches wait or run.</exception>
    public void SwitchMode(ShareMode mode)
    {
        if (_streams.All.Any(stream => stream.Depth > 0))
        {
            throw new InvalidOperationException("the share mode can change only while no launch waits or runs");
        }

        _policy = PolicyFor(mode);
        _mode = mode;
    }

    internal override void Signal()
    {
        Interlocked.Increment(ref *_signal);
        _calls.WakeAll();
    }

    internal long TicksOf(TimeSpan time) => (long)(time.TotalSeconds * _clockFrequency);

    internal long NextSequence() => Interlocked.Increment(ref _sequence);

    internal void PlaceThread(int cpu)
    {
        ThreadScheduling.TryPin(cpu);
        ThreadScheduling.UsePreciseTimers();
        if (Rights == SchedulingRights.Full)
        {
            ThreadScheduling.TryIdle();
        }
    }

    /// <summary>At a yield point of a best-effort block: real-time work takes the unit now.</summary>
    internal bool Interrupts(KernelFront front) => Mode switch
    {
        ShareMode.ResetLeave => front.IsLeavable && HasRealTime,
        ShareMode.Reset => HasRealTime,
        ShareMode.ResetPadding => HasRealTime && _gate.IsShort,
        _ => false,
    };

    /// <summary>Decides whether a real-time launch may be padded, as it starts.</summary>
    internal void OnBegin(CpuStream stream, Launch launch)
    {
        // A launch with nothing to pad it says nothing about what padding costs.
        launch.IsGuarded = Mode == ShareMode.ResetPadding && stream.Class == WorkClass.RealTime && HasBestEffort;
        if (launch.IsGuarded)
        {
            var program = launch.Program;
            lock (program.Guarding)
            {
                program.Guard ??= new PaddingGuard(new PaddingGuardOptions { Budget = Options.PaddingBudget });
                launch.IsPadded = program.Guard.ShouldPad();
            }
        }
    }

    internal bool Admits(CpuStream stream, Launch launch, long now)
    {
        Span<StreamView> views = stackalloc StreamView[64];
        var count = _streams.DescribeRivals(stream.Class, views);
        return Policy.Admits(launch.Deadline, launch.Program.ExpectedTicks, views[..count], Units, now);
    }

    internal double LeastServiceOf(CpuStream asking) => _streams.LeastServiceOf(asking);

    /// <summary>
    /// Calls the units that are awake for a real-time launch that is about to be queued; it counts from now on, so that
    /// no unit ends it before it was counted. The timestamp of the call, or 0 for work that preempts nothing.
    /// </summary>
    internal long Announce(CpuStream stream)
    {
        if (stream.Class != WorkClass.RealTime || !Preempts)
        {
            return 0;
        }

        _gate.Add();
        var now = Now;
        Interlocked.Increment(ref *_signal);
        return now;
    }

    /// <summary>An announced launch was refused.</summary>
    internal void Withdraw() => _gate.Remove();

    internal void OnSubmitted(Launch launch, bool isAnnounced)
    {
        if (!isAnnounced)
        {
            Interlocked.MemoryBarrier();
            _calls.WakeOne();
            return;
        }

        if (SuspendedClients != 0)
        {
            // Units that came before the launch was queued took all real-time work for suspended.
            Interlocked.Increment(ref *_signal);
        }

        // Only now: a unit that wakes on the submitter's CPU must find the launch.
        _calls.WakeAll();
        if (Rights == SchedulingRights.Full)
        {
            _calls.BoostDisplaced(launch);
        }
    }

    internal void OnKernelPublished(CpuStream stream, KernelFront front)
    {
        if (stream.Class == WorkClass.RealTime && Preempts)
        {
            var mayPad = front.Launch.IsPadded && !HasSeveralRealTime;
            var wanted = mayPad ? PaddingSelector.UnitsFor(front.Blocks, Units) : Units;
            if (_gate.Want(wanted) && Mode == ShareMode.ResetPadding)
            {
                Interlocked.Increment(ref *_signal);
            }
        }
        else if (front.Blocks > 1)
        {
            // A unit that goes to sleep right now must see the kernel, or be seen.
            Interlocked.MemoryBarrier();
            _calls.WakeOne();
        }
    }

    internal void OnEnded(CpuStream stream, Launch launch, LaunchStatus status)
    {
        var now = Now;
        if (status == LaunchStatus.Completed)
        {
            var program = launch.Program;
            var took = now - launch.StartedAt;
            program.ExpectedTicks = program.ExpectedTicks == 0 ? took
                : program.ExpectedTicks + ((took - program.ExpectedTicks) / 8);
            if (launch.IsGuarded)
            {
                lock (program.Guarding)
                {
                    program.Guard?.Ended(launch.IsPadded, MicrosecondsBetween(launch.StartedAt, now));
                }
            }
        }

        if (launch.IsGated)
        {
            _gate.Remove();
        }

        launch.End(status, now);
        if (stream.IsClosed)
        {
            Remove(stream);
        }
    }

    /// <summary>A unit turns to real-time work; the first one since the device had none clears the way.</summary>
    internal void Enter(ComputeUnit unit)
    {
        _gate.Join();
        if (_gate.TryBeginClearing())
        {
            _eviction.ClearTheWay(unit);
            _gate.SetClear();
        }
        else if (Mode is ShareMode.Wait or ShareMode.ResetLeave)
        {
            _gate.AwaitClear();
        }
    }

    internal void Leave() => _gate.Leave();

    /// <summary>Lets the calling unit go if the current real-time kernel needs fewer units than serve it.</summary>
    internal bool TryLeaveForPadding() => Mode == ShareMode.ResetPadding && _gate.TryLeave();

    /// <summary>
    /// Records how a launch reached the units, when one of the first blocks of its first kernel starts.
    /// </summary>
    internal void OnFirstBlocks(KernelFront front, long now, long noticedAt, long clearedAt, bool wasRunning)
    {
        var launch = front.Launch;
        var needed = Math.Min(front.Blocks, Units);
        if (Interlocked.Increment(ref launch.StartedBlocks) != needed)
        {
            return;
        }

        launch.SpreadAt = now;
        if (launch.Stream?.Class == WorkClass.RealTime && launch.SignalledAt != 0 && noticedAt >= launch.SignalledAt)
        {
            Statistics.Record(launch, noticedAt, clearedAt, wasRunning, _clockFrequency);
        }
    }

    internal void Remove(CpuStream stream)
    {
        if (stream.Depth == 0)
        {
            _streams.Remove(stream);
        }
    }

    protected override void CheckKernel(string program, Kernel kernel)
    {
        if (kernel is not CpuKernel)
        {
            throw new DeviceException(DeviceError.Unsupported,
                $"kernel '{kernel.Name}' of '{program}' is a {kernel.GetType().Name}; {Name} runs CpuKernel only");
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _isStopping = true;
        Signal();
        Array.ForEach(_units, unit => unit.Join());
        foreach (var stream in _streams.All)
        {
            stream.Abandon(Now);
        }

        Array.ForEach(_units, unit => unit.Dispose());
        base.Dispose(disposing);
    }

    private IPolicy PolicyFor(ShareMode mode) => mode switch
    {
        ShareMode.Sequential => new SequentialPolicy(),
        ShareMode.MultiStream => new MultiStreamPolicy(),
        _ => Options.Policy ?? new PriorityPolicy(Clock),
    };
}
