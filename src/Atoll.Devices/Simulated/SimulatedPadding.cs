namespace Atoll.Devices;

/// <summary>
/// Dynamic kernel padding on a simulated device: plans each real-time kernel and fills idle units by the plan.
/// </summary>
internal sealed class SimulatedPadding
{
    private readonly SimulatedMachine _machine;
    private readonly SimulatedDeviceOptions _options;
    private readonly PaddingSelector _selector;
    private readonly List<Grant> _grants = [];
    private readonly Dictionary<Program, PaddingGuard> _guards = [];

    public SimulatedPadding(SimulatedMachine machine, SimulatedDeviceOptions options)
    {
        _machine = machine;
        _options = options;
        _selector = new PaddingSelector(new(options.Units, options.MaxOccupancy, options.Stops), options.PaddingRule);
    }

    /// <summary>The guard of a real-time program; null when the device is not guarded.</summary>
    public PaddingGuard? GuardOf(Program program)
    {
        if (_options.PaddingGuard is null)
        {
            return null;
        }

        if (!_guards.TryGetValue(program, out var guard))
        {
            _guards[program] = guard = new PaddingGuard(_options.PaddingGuard);
        }

        return guard;
    }

    /// <summary>Most units that a real-time kernel may take: all, unless it is to be padded.</summary>
    public int UnitsFor(KernelRun run) =>
        _options.Mode == ShareMode.ResetPadding && run.Launch.IsPadded
            ? PaddingSelector.UnitsFor(run.Kernel.Blocks, _options.Units)
            : _options.Units;

    /// <summary>Fills idle units beside the real-time kernel that ends last.</summary>
    public void Fill(IReadOnlyList<SimulatedStream> bestEffort)
    {
        var realTime = _machine.RunningOf(WorkClass.RealTime).Select(u => u.Running!.Run)
            .Where(r => r.Launch.IsPadded).MaxBy(r => r.ExpectedEnd);
        if (realTime is null)
        {
            return;
        }

        ResumePaused(realTime);
        _grants.RemoveAll(g => g.BlocksLeft == 0 || g.RealTime != realTime);
        StartGranted();
        while (_machine.FindIdle(clean: true) is not null && Plan(realTime, bestEffort))
        {
            StartGranted();
        }
    }

    private void ResumePaused(KernelRun realTime)
    {
        foreach (var unit in _machine.Units.Where(u => u is { Running: null, Paused: not null }))
        {
            _machine.Resume(unit, asPadding: true);
            MarkPadded(realTime);
        }
    }

    private bool Plan(KernelRun realTime, IReadOnlyList<SimulatedStream> bestEffort)
    {
        if (realTime.HasPlan && _options.PaddingRule == PaddingRule.FirstFit)
        {
            return false;
        }

        realTime.HasPlan = true;
        var candidates = bestEffort.Where(s =>
            s.Front is { Unstarted: > 0 } f && _grants.TrueForAll(g => g.Run != f)).ToList();
        PaddingFront[] fronts = [.. candidates.Select(s =>
            new PaddingFront(s.Front!.Unstarted, s.Front.Timing.Profile))];
        var grants = new PaddingGrant[fronts.Length];
        var kernel = new PaddedKernel(
            realTime.Kernel.Blocks, (realTime.ExpectedEnd - _machine.Now) / 1000.0, realTime.Timing.MaxOccupancy);
        var idle = _machine.Units.Count(u => u is { Running: null, Paused: null });
        var plan = _selector.Select(in kernel, fronts, grants, idle);
        _machine.Statistics.Selections++;
        _machine.Statistics.Grants += plan.Grants;
        foreach (var grant in grants.AsSpan(0, plan.Grants))
        {
            _grants.Add(new Grant(candidates[grant.Front].Front!, realTime, grant.Occupancy, grant.Blocks));
            MarkPadded(realTime);
        }

        return plan.Grants > 0;
    }

    private void StartGranted()
    {
        foreach (var grant in _grants)
        {
            while (grant.BlocksLeft > 0 && grant.Run.Unstarted > 0 && _machine.FindIdle(clean: true) is { } unit)
            {
                var count = Math.Min(Math.Min(grant.Occupancy, grant.BlocksLeft), grant.Run.Unstarted);
                grant.BlocksLeft -= count;
                SimulatedScheduler.Begin(grant.Run.Launch, _machine.Now);
                _machine.Start(unit, grant.Run, count, grant.Occupancy);
            }
        }
    }

    private void MarkPadded(KernelRun realTime)
    {
        if (!realTime.IsPadded)
        {
            realTime.IsPadded = true;
            _machine.Statistics.PaddedKernelTime += SimulatedMachine.Nanoseconds(realTime.Timing.ExpectedMicroseconds);
        }
    }

    private sealed class Grant(KernelRun run, KernelRun realTime, int occupancy, int blocks)
    {
        public KernelRun Run { get; } = run;

        public KernelRun RealTime { get; } = realTime;

        public int Occupancy { get; } = occupancy;

        public int BlocksLeft { get; set; } = blocks;
    }
}
