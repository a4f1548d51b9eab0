using Atoll.Simulation;

namespace Atoll.Devices;

/// <summary>
/// The units of a simulated device in virtual time: starts, ends, stops and resumes passes. Decides nothing.
/// </summary>
internal sealed class SimulatedMachine
{
    private readonly SimulatedDeviceOptions _options;
    private readonly Action<UnitPass> _ended;
    private readonly Action<UnitPass> _stopped;

    public SimulatedMachine(SimulatedDeviceOptions options, EventQueue events, Action<UnitPass> ended,
        Action<UnitPass> stopped)
    {
        _options = options;
        _ended = ended;
        _stopped = stopped;
        Events = events;
        Units = [.. Enumerable.Range(0, options.Units).Select(_ => new SimulatedUnit())];
    }

    public EventQueue Events { get; }

    public SimulatedUnit[] Units { get; }

    public SimulatedStatistics Statistics { get; } = new();

    public long Now => Events.Now;

    /// <summary>There is best-effort work that could run as padding.</summary>
    public bool HasPaddingWork { get; set; }

    public int Idle => Units.Count(u => u.Running is null);

    public static long Nanoseconds(double microseconds) => (long)Math.Round(microseconds * 1000);

    /// <summary>An idle unit, one without a paused pass first; <paramref name="clean"/> takes no other.</summary>
    public SimulatedUnit? FindIdle(bool clean = false) =>
        Array.Find(Units, u => u.Running is null && u.Paused is null) ??
        (clean ? null : Array.Find(Units, u => u.Running is null));

    public IEnumerable<SimulatedUnit> RunningOf(WorkClass workClass) =>
        Units.Where(u => u.Running?.Run.Stream.Class == workClass);

    /// <summary>Starts up to <paramref name="count"/> blocks on a unit.</summary>
    /// <param name="unit">An idle unit.</param>
    /// <param name="run">A kernel with that many blocks to start.</param>
    /// <param name="count">How many.</param>
    /// <param name="grantedOccupancy">Occupancy of the grant, or 0 when the pass is no padding.</param>
    public void Start(SimulatedUnit unit, KernelRun run, int count, int grantedOccupancy = 0)
    {
        var microseconds = grantedOccupancy > 0
            ? run.Timing.PaddingMicroseconds(grantedOccupancy)
            : run.Timing.PassMicroseconds(count) * Contention(run);
        if (run.ExpectedEnd == 0)
        {
            run.ExpectedEnd = Now + Nanoseconds(run.Timing.ExpectedMicroseconds);
        }

        run.UnitsInUse++;
        Run(unit, new UnitPass(run, run.Take(count), Nanoseconds(microseconds), grantedOccupancy > 0));
    }

    /// <summary>Lets a unit's paused pass go on.</summary>
    public void Resume(SimulatedUnit unit, bool asPadding)
    {
        var pass = unit.Paused!;
        unit.Paused = null;
        pass.IsPadding = asPadding;
        pass.Run.UnitsInUse++;
        Run(unit, pass);
    }

    /// <summary>Takes the unit from its running pass, which is kept on the unit or given back to be repeated.</summary>
    public UnitPass Stop(SimulatedUnit unit, bool pauses)
    {
        var pass = TakeOff(unit);
        if (pauses)
        {
            pass.Length -= Now - pass.StartedAt;
            unit.Paused = pass;
        }
        else
        {
            pass.Run.Return(pass.Blocks);
            Statistics.Totals.RepeatedCount += pass.Blocks.Length;
        }

        return pass;
    }

    /// <summary>Stops a running pass at its first yield point after a time; once per pass.</summary>
    public void StopAtYield(SimulatedUnit unit, long after)
    {
        var pass = unit.Running!;
        if (pass.Stop is not null || (pass.Run.MustFinish && !_options.Pauses))
        {
            return;
        }

        var at = pass.NextYield(Math.Max(after, Now), Nanoseconds(_options.YieldMicroseconds));
        if (at < pass.StartedAt + pass.Length)
        {
            pass.Stop = Events.Schedule(at, () => _stopped(Stop(unit, _options.Pauses)));
        }
    }

    /// <summary>
    /// Forgets every pass that <paramref name="condition"/> names; their blocks are given back if asked.
    /// </summary>
    public void Discard(Func<UnitPass, bool> condition, bool givesBack)
    {
        foreach (var unit in Units)
        {
            if (unit.Running is { } running && condition(running))
            {
                TakeOff(unit);
                GiveBack(running);
            }

            if (unit.Paused is { } paused && condition(paused))
            {
                unit.Paused = null;
                GiveBack(paused);
            }
        }

        void GiveBack(UnitPass pass)
        {
            if (givesBack)
            {
                pass.Run.Return(pass.Blocks);
                Statistics.Totals.RepeatedCount += pass.Blocks.Length;
            }
        }
    }

    private void Run(SimulatedUnit unit, UnitPass pass)
    {
        pass.StartedAt = Now;
        unit.Running = pass;
        pass.End = Events.Schedule(Now + pass.Length, () =>
        {
            TakeOff(unit);
            _ended(pass);
        });
    }

    private UnitPass TakeOff(SimulatedUnit unit)
    {
        var pass = unit.Running!;
        unit.Running = null;
        pass.End?.Cancel();
        pass.Stop?.Cancel();
        pass.Stop = null;
        pass.Run.UnitsInUse--;
        var took = Now - pass.StartedAt;
        Statistics.Serve(pass.Run.Stream.Class, took);
        pass.Run.Stream.VirtualTime += took / pass.Run.Stream.Options.Weight;
        Statistics.Totals.PaddedTicks += pass.IsPadding ? took : 0;
        return pass;
    }

    // A real-time pass starts before its padding does, so what counts is the units that padding may take.
    private double Contention(KernelRun run) =>
        !run.Launch.IsPadded || !HasPaddingWork ? 1
        : 1 + (_options.PaddingContention * (Units.Length - run.UnitsMax) / Units.Length);
}
