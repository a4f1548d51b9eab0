using System.Globalization;

namespace Atoll;

/// <summary>
/// CPU time that others took in each second of a phase: other processes, the kernel on their behalf, and the host of a
/// virtual machine. It is the noise beside a phase that is too long to be repeated. All zero where the system has no
/// `/proc/stat`.
/// </summary>
internal sealed class MachineLoad
{
    private const string Statistics = "/proc/stat";
    private const int TicksPerSecond = 100;

    // Fields of the first line: user, nice, system, idle, iowait, irq, softirq, steal.
    private const int Idle = 3;
    private const int Waiting = 4;
    private const int Fields = 8;

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

    private static double BusyOfOthersMs()
    {
        if (!File.Exists(Statistics))
        {
            return 0;
        }

        var parts = File.ReadLines(Statistics).First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        var busy = parts.Take(Fields).Where((_, field) => field is not Idle and not Waiting)
            .Sum(text => double.Parse(text, CultureInfo.InvariantCulture));
        return (busy * 1000 / TicksPerSecond) - Environment.CpuUsage.TotalTime.TotalMilliseconds;
    }
}
