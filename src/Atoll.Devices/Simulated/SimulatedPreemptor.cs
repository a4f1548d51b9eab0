namespace Atoll.Devices;

/// <summary>
/// The passage from best-effort to real-time mode: flag, host queues, device queues, running blocks, each at its cost.
/// <code>
/// BestEffort --real-time work--> Clearing --units clear--> RealTime --none left--> BestEffort
/// </code>
/// </summary>
internal sealed class SimulatedPreemptor(SimulatedMachine machine, SimulatedDeviceOptions options, Action changed)
{
    private readonly List<Simulation.ScheduledEvent> _pending = [];
    private SimulatedPreemption _record;
    private long _clearedAt;

    /// <summary>Real-time work holds the device: best-effort work runs as padding only.</summary>
    public bool IsRealTime { get; private set; }

    /// <summary>The units are not yet clear.</summary>
    public bool IsClearing { get; private set; }

    /// <summary>Real-time blocks may start on idle units.</summary>
    public bool IsOpen { get; private set; } = true;

    /// <summary>At most this late padding is stopped for a real-time kernel that needs more units.</summary>
    public long FlagSeenAt => _record.At + _record.Flag;

    public void Enter(IReadOnlyList<SimulatedStream> bestEffort)
    {
        IsRealTime = true;
        if (bestEffort.Count == 0)
        {
            return;
        }

        Count(bestEffort);
        IsClearing = true;
        IsOpen = options.Stops && options.Mode != ShareMode.Wait;
        if (options.Mode == ShareMode.Wait)
        {
            After(_record.Flag, Settle);
        }
        else if (options.Stops)
        {
            StopAtYieldPoints();
        }
        else
        {
            After(_record.Flag + _record.HostQueue + _record.DeviceQueue, Kill);
        }
    }

    public void Leave()
    {
        IsRealTime = IsClearing = false;
        IsOpen = true;
        _pending.ForEach(e => e.Cancel());
        _pending.Clear();
    }

    /// <summary>Looks whether the units are clear now; called after each pass that ended, stopped or started.</summary>
    public void Settle()
    {
        if (!IsClearing || machine.Now < FlagSeenAt || _pending.Exists(e => e.IsPending))
        {
            return;
        }

        if (options is { Stops: true, Mode: ShareMode.ResetPadding } ? !HasRealTimeSpread()
            : machine.RunningOf(WorkClass.BestEffort).Any(u => !u.Running!.IsPadding))
        {
            return;
        }

        _clearedAt = machine.Now;
        After(options.Mode == ShareMode.Wait ? _record.DeviceQueue : 0, Clear);
    }

    /// <summary>Counts what a stop at a yield point took off.</summary>
    public void CountStopped(UnitPass pass, bool isRepeated)
    {
        if (IsClearing)
        {
            _record = _record with
            {
                Stopped = _record.Stopped + pass.Blocks.Length,
                Repeated = _record.Repeated + (isRepeated ? pass.Blocks.Length : 0),
            };
        }
    }

    private void Count(IReadOnlyList<SimulatedStream> bestEffort)
    {
        var evictable = bestEffort.Select(s =>
            Math.Max(0, s.Forwarded - (s.Front is { UnitsInUse: > 0 } ? 1 : 0))).ToList();
        // Each kill ends what runs and lets the next entry of a device queue start, and exit.
        var kills = Math.Max(1, bestEffort.Max(s => s.Forwarded));
        var held = bestEffort.Sum(s => s.PendingKernels - s.Forwarded);
        var touches = !options.Pauses;
        _record = new SimulatedPreemption
        {
            At = machine.Now,
            Dropped = held,
            Evicted = touches ? evictable.Sum() : 0,
            Flag = SimulatedMachine.Nanoseconds(options.FlagMicroseconds),
            HostQueue = SimulatedMachine.Nanoseconds(
                touches && options.Mode != ShareMode.Wait ? bestEffort.Count * options.ClearMicroseconds : 0),
            DeviceQueue = SimulatedMachine.Nanoseconds(
                options.Mode == ShareMode.Wait ? evictable.Sum() * options.FetchMicroseconds
                : options.Stops ? 0 : kills * options.KillMicroseconds),
        };
        if (touches)
        {
            foreach (var stream in bestEffort)
            {
                stream.Forwarded = 0;
            }
        }
    }

    private void StopAtYieldPoints()
    {
        // With padding only the units that real-time work turns out to need are taken, by the scheduler.
        if (options.Mode != ShareMode.ResetPadding)
        {
            foreach (var unit in machine.RunningOf(WorkClass.BestEffort))
            {
                machine.StopAtYield(unit, FlagSeenAt);
            }
        }

        After(_record.Flag + _record.HostQueue, Settle);
    }

    private void Kill()
    {
        foreach (var unit in machine.RunningOf(WorkClass.BestEffort).Where(u => !u.Running!.Run.MustFinish).ToList())
        {
            CountStopped(machine.Stop(unit, pauses: false), isRepeated: true);
        }

        IsOpen = true;
        Settle();
        changed();
    }

    private void Clear()
    {
        IsClearing = false;
        IsOpen = true;
        var stages = options.Mode == ShareMode.Wait || options.Stops
            ? _record.Flag + _record.HostQueue
            : _record.Flag + _record.HostQueue + _record.DeviceQueue;
        machine.Statistics.Add(_record with
        {
            Running = Math.Max(0, _clearedAt - _record.At - stages),
            Total = machine.Now - _record.At,
        });
        changed();
    }

    private bool HasRealTimeSpread() => machine.RunningOf(WorkClass.RealTime).Select(u => u.Running!.Run)
        .Any(r => r.UnitsInUse >= Math.Min(r.UnitsMax, r.Kernel.Blocks) || r.Unstarted == 0);

    private void After(long delay, Action action)
    {
        if (delay == 0)
        {
            action();
            return;
        }

        _pending.Add(machine.Events.Schedule(machine.Now + delay, action));
    }
}
