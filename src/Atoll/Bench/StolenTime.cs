using System.Globalization;

namespace Atoll;

/// <summary>
/// Time that the host of a virtual machine gave to others, over all processors since the system started, in ticks of
/// the system's accounting (proc(5), /proc/stat). Null where the system does not tell.
/// </summary>
internal readonly record struct StolenTime(long Stolen, long All)
{
    private const string File = "/proc/stat";

    // user nice system idle iowait irq softirq steal; what guests use is part of user and nice.
    private const int Fields = 8;

    public static StolenTime? Now()
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
        return new StolenTime(ticks[^1], ticks.Sum());
    }

    /// <summary>The stolen part of the time since then; null when there is no telling.</summary>
    public static double? ShareSince(StolenTime? then) =>
        then is { } before && Now() is { } now && now.All > before.All
            ? (double)(now.Stolen - before.Stolen) / (now.All - before.All)
            : null;
}
