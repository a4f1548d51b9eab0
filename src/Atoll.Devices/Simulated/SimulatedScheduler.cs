using Atoll.Simulation;

namespace Atoll.Devices;

/// <summary>
/// Moves kernels from host queues through device queues to units, in the order of mode and policy. All in virtual
/// time and on one thread; the device holds its lock around every call.
/// </summary>
internal sealed class SimulatedScheduler
{
    private const int DispatchPhase = 1;
    private readonly SimulatedDeviceOptions _options;
    private readonly SimulatedMachine _machine;
    private readonly SimulatedPreemptor _preemptor;
    private readonly SimulatedPadding _padding;
    private readonly BlockRunner _runner;
    private readonly IPolicy _policy;
    private readonly List<SimulatedStream> _streams = [];
    private readonly Queue<(Launch Launch, LaunchStatus Status)> _ended = new();
    private readonly System.Runtime.CompilerServices.ConditionalWeakTable<Program, KernelTiming[]> _timings = [];
    private ScheduledEvent? _dispatch;

    public SimulatedScheduler(SimulatedDeviceOptions options, EventQueue events, BlockRunner runner)
    {
        _options = options;
        _runner = runner;
        _machine = new SimulatedMachine(options, events, OnPassEnded, OnStopped);
        _preemptor = new SimulatedPreemptor(_machine, options, Dispatch);
        _padding = new SimulatedPadding(_machine, options);
        _policy = options.Mode switch
        {
            ShareMode.Sequential => new SequentialPolicy(),
            ShareMode.MultiStream => new MultiStreamPolicy(),
            _ => options.Policy ?? new PriorityPolicy(events.Clock),
        };
    }

    public SimulatedStatistics Statistics => _machine.Statistics;

    public void Add(SimulatedStream stream) => _streams.Add(stream);

    public void Remove(SimulatedStream stream) => _streams.Remove(stream);

    public PaddingGuard? GuardOf(Program program) => _padding.GuardOf(program);

    /// <summary>Marks a launch as running when its first block starts.</summary>
    public static void Begin(Launch launch, long now)
    {
        if (launch.Status != LaunchStatus.Running)
        {
            launch.Begin(now);
        }
    }

    public bool Admits(Launch launch)
    {
        StreamView[] views = [.. _streams.Where(s => s.IsReady).Select(s => s.Describe() with
        {
            RemainingTicks = s.Launches.Sum(l => UnitTime(l.Program)) - UnitTimeDone(s),
        })];
        return _policy.Admits(launch.Deadline, UnitTime(launch.Program), views, _options.Units, _machine.Now);
    }

    public void Enqueue(SimulatedStream stream, Launch launch)
    {
        if (stream.Depth == 0)
        {
            // A stream that comes back starts level with those that stayed.
            var others = _streams.Where(s => s != stream && s.Depth > 0).Select(s => s.VirtualTime).DefaultIfEmpty(0);
            stream.VirtualTime = Math.Max(stream.VirtualTime, others.Min());
            stream.WaitingSince = _machine.Now;
        }

        stream.Enqueue(launch);
        Reconsider();
    }

    /// <summary>Acts on suspended clients and on launches that were told to stop.</summary>
    public void OnSignal()
    {
        foreach (var stream in _streams)
        {
            foreach (var launch in stream.Launches.Where(l => l.CancelRequested).ToList())
            {
                End(stream, launch, LaunchStatus.Cancelled);
            }
        }

        _machine.Discard(p => p.Run.Stream.Client.IsSuspended && !p.Run.MustFinish, givesBack: true);
        Reconsider();
    }

    /// <summary>The next launch to report as ended; the device does so outside the scheduler's own steps.</summary>
    public bool TryTakeEnded(out Launch launch, out LaunchStatus status)
    {
        var isAny = _ended.TryDequeue(out var ended);
        (launch, status) = ended;
        return isAny;
    }

    public void EndAll()
    {
        foreach (var stream in _streams)
        {
            foreach (var launch in stream.Launches.ToList())
            {
                End(stream, launch, LaunchStatus.Cancelled);
            }
        }

        _preemptor.Leave();
    }

    private List<SimulatedStream> Ready(WorkClass workClass) =>
        [.. _streams.Where(s => s.IsReady && s.Class == workClass)];

    private void Reconsider()
    {
        var wantsRealTime = _options.Preempts && _streams.Exists(s => s.IsReady && s.Class == WorkClass.RealTime);
        if (wantsRealTime && !_preemptor.IsRealTime)
        {
            _preemptor.Enter(Ready(WorkClass.BestEffort));
        }
        else if (!wantsRealTime && _preemptor.IsRealTime)
        {
            _preemptor.Leave();
        }

        foreach (var stream in _streams)
        {
            Forward(stream);
        }

        Dispatch();
    }

    /// <summary>Puts kernels on the stream's device queue, each at the launch cost, while it has room.</summary>
    private void Forward(SimulatedStream stream)
    {
        while (!stream.IsForwarding && stream.IsReady && stream.Forwarded < stream.PendingKernels &&
            stream.Forwarded < _options.QueueCapacity(stream.Class) &&
            (stream.Class == WorkClass.RealTime || !_preemptor.IsRealTime))
        {
            if (_options.LaunchMicroseconds == 0)
            {
                stream.Forwarded++;
                continue;
            }

            stream.IsForwarding = true;
            _machine.Events.Schedule(_machine.Now + SimulatedMachine.Nanoseconds(_options.LaunchMicroseconds), () =>
            {
                stream.IsForwarding = false;
                // Best-effort forwarding stops with the flag; the kernel under way then stays in the host queue.
                if (stream.Forwarded < stream.PendingKernels &&
                    (stream.Class == WorkClass.RealTime || !_preemptor.IsRealTime))
                {
                    stream.Forwarded++;
                }

                Forward(stream);
                Dispatch();
            });
        }
    }

    private void Dispatch()
    {
        if (_dispatch is not { IsPending: true })
        {
            _dispatch = _machine.Events.Schedule(_machine.Now, DispatchNow, DispatchPhase);
        }
    }

    private void DispatchNow()
    {
        foreach (var stream in _streams)
        {
            BringFront(stream);
        }

        if (!_preemptor.IsRealTime)
        {
            foreach (var unit in _machine.Units.Where(u => u is { Running: null, Paused: not null }))
            {
                _machine.Resume(unit, asPadding: false);
            }

            Serve(CanStart);
        }
        else if (_preemptor.IsOpen)
        {
            ServeRealTime();
        }

        _preemptor.Settle();
    }

    private void ServeRealTime()
    {
        _machine.HasPaddingWork = Ready(WorkClass.BestEffort).Count > 0;
        Serve(stream => stream.Class == WorkClass.RealTime
            ? CanStart(stream)
            : stream is { IsReady: true, Front.Unstarted: > 0 } && IsRealTimeWaiting());
        if (_options is { Mode: ShareMode.ResetPadding })
        {
            Reclaim();
            _padding.Fill(Ready(WorkClass.BestEffort));
        }
    }

    private bool IsRealTimeWaiting() => _streams.Exists(s => s.Class == WorkClass.RealTime && CanStart(s));

    private static bool CanStart(SimulatedStream stream) =>
        stream is { IsReady: true, Forwarded: > 0, Front: { Unstarted: > 0 } front } &&
        front.UnitsInUse < front.UnitsMax;

    /// <summary>Stops padding where a real-time kernel waits for more units than are idle.</summary>
    private void Reclaim()
    {
        if (!_options.Stops)
        {
            return;
        }

        var wanted = _streams.Where(s => s.Class == WorkClass.RealTime && CanStart(s))
            .Sum(s => Math.Min(s.Front!.UnitsMax - s.Front.UnitsInUse, s.Front.Unstarted));
        wanted -= _machine.Units.Count(u => u.Running?.Stop is not null) + _machine.Idle;
        var padded = _machine.RunningOf(WorkClass.BestEffort).Where(u => u.Running!.Stop is null).ToList();
        foreach (var unit in padded.Take(Math.Max(0, wanted)))
        {
            _machine.StopAtYield(unit, _preemptor.FlagSeenAt);
        }
    }

    /// <summary>Gives idle units to streams that may start, in the order of the policy.</summary>
    private void Serve(Func<SimulatedStream, bool> mayStart)
    {
        while (_machine.FindIdle() is { } unit)
        {
            // One launch at a time also means that nobody else uses the units that its current kernel leaves idle.
            List<SimulatedStream> ready = [.. _streams.Where(s =>
                mayStart(s) || (_options.Mode == ShareMode.Sequential && s.IsReady))];
            var selected = _policy.Select([.. ready.Select(s => s.Describe())], _machine.Now);
            if (selected < 0 || !mayStart(ready[selected]))
            {
                return;
            }

            var stream = ready[selected];
            stream.WaitingSince = _machine.Now;
            if (unit.Paused is not null && stream.Class == WorkClass.BestEffort)
            {
                // An aged stream's turn, but the stack of this unit must unwind first.
                _machine.Resume(unit, asPadding: false);
                continue;
            }

            StartPass(unit, stream.Front!);
        }
    }

    private void StartPass(SimulatedUnit unit, KernelRun run)
    {
        var launch = run.Launch;
        Begin(launch, _machine.Now);
        if (run.ExpectedEnd == 0 && run.Stream.Class == WorkClass.RealTime)
        {
            _machine.Statistics.RealTimeKernelTime += SimulatedMachine.Nanoseconds(run.Timing.ExpectedMicroseconds);
        }

        var share = Math.Min(_machine.Idle, run.UnitsMax - run.UnitsInUse);
        var count = Math.Min(run.Timing.MaxOccupancy, (run.Unstarted + share - 1) / share);
        _machine.Start(unit, run, count);
        if (run.Index == 0 && launch.SpreadAt == 0 && (run.Unstarted == 0 || run.UnitsInUse >= _options.Units))
        {
            launch.SpreadAt = _machine.Now;
        }
    }

    /// <summary>Makes the head launch's current kernel known, dropping launches that are too late to start.</summary>
    private void BringFront(SimulatedStream stream)
    {
        while (stream is { IsReady: true, Front: null, Head: { } head })
        {
            if (head.Deadline != 0 && _machine.Now > head.Deadline)
            {
                End(stream, head, LaunchStatus.Late);
                continue;
            }

            head.IsPadded = _options.Mode == ShareMode.ResetPadding && stream.Class == WorkClass.RealTime &&
                (_padding.GuardOf(head.Program)?.ShouldPad() ?? true);
            stream.Front = NewRun(stream, head, 0);
        }
    }

    private KernelRun NewRun(SimulatedStream stream, Launch launch, int index)
    {
        var run = new KernelRun(stream, launch, index, Timings(launch.Program)[index]);
        run.UnitsMax = stream.Class == WorkClass.RealTime ? _padding.UnitsFor(run) : _options.Units;
        return run;
    }

    private void OnStopped(UnitPass pass)
    {
        _preemptor.CountStopped(pass, isRepeated: !_options.Pauses);
        Dispatch();
    }

    private void OnPassEnded(UnitPass pass)
    {
        var run = pass.Run;
        run.Done += pass.Blocks.Length;
        run.Stream.WaitingSince = _machine.Now;
        if (_runner.Run(run.Kernel, pass.Blocks) is { } failure)
        {
            run.Launch.Failure = failure;
            End(run.Stream, run.Launch, LaunchStatus.Failed);
        }
        else if (run.Done == run.Kernel.Blocks)
        {
            OnKernelDone(run);
        }

        Dispatch();
    }

    private void OnKernelDone(KernelRun run)
    {
        var (stream, launch) = (run.Stream, run.Launch);
        stream.CompleteFront();
        if (run.Index + 1 == launch.Program.Kernels.Length)
        {
            if (stream.Class == WorkClass.RealTime && _options.Mode == ShareMode.ResetPadding)
            {
                _padding.GuardOf(launch.Program)?.Ended(launch.IsPadded, (_machine.Now - launch.StartedAt) / 1000.0);
            }

            End(stream, launch, LaunchStatus.Completed);
            return;
        }

        stream.Front = NewRun(stream, launch, run.Index + 1);
        Forward(stream);
    }

    private void End(SimulatedStream stream, Launch launch, LaunchStatus status)
    {
        _machine.Discard(p => p.Run.Launch == launch, givesBack: false);
        stream.Remove(launch);
        _ended.Enqueue((launch, status));
        Reconsider();
    }

    private KernelTiming[] Timings(Program program) =>
        _timings.GetValue(program, p => [.. p.Kernels.Select(k => new KernelTiming(k, _options))]);

    private long UnitTime(Program program) => Timings(program).Zip(program.Kernels).Sum(pair =>
        SimulatedMachine.Nanoseconds(pair.First.Profile.BlockCostMicroseconds * pair.Second.Blocks));

    private long UnitTimeDone(SimulatedStream stream) => stream.Front is not { } front ? 0
        : Timings(front.Launch.Program).Take(front.Index).Zip(front.Launch.Program.Kernels).Sum(pair =>
            SimulatedMachine.Nanoseconds(pair.First.Profile.BlockCostMicroseconds * pair.Second.Blocks)) +
            SimulatedMachine.Nanoseconds(front.Timing.Profile.BlockCostMicroseconds * front.Done);
}
