namespace Atoll;

/// <summary>
/// CPU time that others took in each second of a phase: other processes, the kernel on their behalf, and the host of a
/// virtual machine. It is the noise beside a phase that is too long to be repeated. All zero where the system has no
/// `/proc/stat`.
/// </summary>
internal sealed class MachineLoad
{
    private readonly List<double> _othersMs = [];
    private double _before = BusyOfOthersMs();

    /// <summary>Milliseconds over all CPUs; one entry for each second that has ended.</summary>
    public IReadOnlyList<double> OthersMs => _othersMs;

    /// <summary>Ends a second.</summary>
    public void EndSecond()
    {
        var now = BusyOfOthersMs();
        _othersMs.Add(Math.Max(0, now - _before));
        _before = now;
    }

    private static double BusyOfOthersMs() => MachineTime.Now() is { } now
        ? (now.Busy * 1000.0 / MachineTime.TicksPerSecond) - Environment.CpuUsage.TotalTime.TotalMilliseconds
        : 0;
}
