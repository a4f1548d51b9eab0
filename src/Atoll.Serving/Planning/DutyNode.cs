namespace Atoll.Serving;

/// <summary>One session's part of a duty cycle. Milliseconds and requests per millisecond.</summary>
internal readonly record struct DutyShare(SessionSpec Session, BatchProfile Profile, double RatePerMs, int Batch)
{
    public double ExecutionMs => Profile.Latency(Batch).TotalMilliseconds;

    public long MemoryBytes => Profile.Memory(Batch);
}

/// <summary>A device that runs each of its sessions once per duty cycle.</summary>
internal sealed record DutyNode(double CycleMs, IReadOnlyList<DutyShare> Shares, string Why)
{
    public double Occupancy { get; } = Shares.Sum(share => share.ExecutionMs) / CycleMs;

    public long MemoryBytes { get; } = Shares.Sum(share => share.MemoryBytes);

    public DevicePlan ToPlan(DeviceKind kind, int index) => new()
    {
        Device = kind.DeviceName(index),
        Kind = kind.Name,
        Cycle = Durations.FromMilliseconds(CycleMs),
        Occupancy = Occupancy,
        MemoryBytes = MemoryBytes,
        Sessions = [.. Shares.Select(ToPlan)],
    };

    private PlannedSession ToPlan(DutyShare share) => new()
    {
        Session = share.Session.Name,
        Model = share.Session.Model,
        Batch = share.Batch,
        Rate = share.RatePerMs * 1000,
        Objective = share.Session.Objective,
        Execution = share.Profile.Latency(share.Batch),
        Period = Durations.FromMilliseconds(CycleMs),
        // A request may just miss its batch: it waits one cycle, then its own batch runs.
        WorstLatency = Durations.FromMilliseconds(CycleMs + share.ExecutionMs) +
            share.Profile.Preprocessing + share.Profile.Postprocessing,
        MemoryBytes = share.MemoryBytes,
        Why = Why,
    };
}
