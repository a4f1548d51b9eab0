using System.Globalization;

namespace Atoll;

/// <summary>
/// Time over all processors since the system started: what the host of a virtual machine gave to others, that and what
/// ran here, and all; in ticks of the system's accounting (proc(5), /proc/stat). Null where the system does not tell.
/// </summary>
internal readonly record struct MachineTime(long Stolen, long Busy, long All)
{
    public const int TicksPerSecond = 100;

    private const string File = "/proc/stat";

    // user nice system idle iowait irq softirq steal; what guests use is part of user and nice.
    private const int Fields = 8;
    private const int Idle = 3;
    private const int Waiting = 4;

    public static MachineTime? Now()
    {
        if (!System.IO.File.Exists(File))
        {
            return null;
        }

        var words = System.IO.File.ReadLines(File).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length <= Fields || words[0] != "cpu")
        {
            return null;
        }

        var ticks = words[1..(Fields + 1)].Select(word => long.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        return new MachineTime(ticks[^1], ticks.Sum() - ticks[Idle] - ticks[Waiting], ticks.Sum());
    }

    /// <summary>The stolen part of the time since then; null when there is no telling.</summary>
    public static double? ShareSince(MachineTime? then) =>
        then is { } before && Now() is { } now && now.All > before.All
            ? (double)(now.Stolen - before.Stolen) / (now.All - before.All)
            : null;
}
