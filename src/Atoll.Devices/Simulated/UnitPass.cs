using Atoll.Simulation;

namespace Atoll.Devices;

/// <summary>Blocks of one kernel that run together on one unit.</summary>
internal sealed class UnitPass(KernelRun run, int[] blocks, long length, bool isPadding)
{
    public KernelRun Run { get; } = run;

    public int[] Blocks { get; } = blocks;

    /// <summary>Nanoseconds that it still takes from <see cref="StartedAt"/>.</summary>
    public long Length { get; set; } = length;

    public long StartedAt { get; set; }

    /// <summary>It runs beside real-time work, so a unit that real-time work needs may be taken from it.</summary>
    public bool IsPadding { get; set; } = isPadding;

    public ScheduledEvent? End { get; set; }

    /// <summary>A stop at its next yield point is under way.</summary>
    public ScheduledEvent? Stop { get; set; }

    /// <summary>The first yield point at or after a time.</summary>
    public long NextYield(long after, long interval) =>
        StartedAt + (Math.Max(0, after - StartedAt) + interval - 1) / interval * interval;
}

/// <summary>
/// A compute unit: at most one running pass, and below it at most one that is paused on the same stack.
/// </summary>
internal sealed class SimulatedUnit
{
    public UnitPass? Running { get; set; }

    public UnitPass? Paused { get; set; }
}
