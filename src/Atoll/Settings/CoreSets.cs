using System.Globalization;

namespace Atoll;

/// <summary>Reads sets of CPU cores: `0,1` is two sets of one core, `0-3,4-7` two sets of four.</summary>
internal static class CoreSets
{
    public const string Allowed = "sets separated by commas, each one core (0) or a range of cores (0-3), none twice";

    private const int CpuMax = 1023;
    private const int SetsMax = 64;

    public static bool IsAllowed(string text) => TryParse(text, out _);

    /// <summary>False when the text is no list of sets; no set for no text.</summary>
    public static bool TryParse(string text, out IReadOnlyList<(string Name, IReadOnlyList<int> Cpus)> sets)
    {
        var found = new List<(string Name, IReadOnlyList<int> Cpus)>();
        sets = found;
        if (text.Length == 0)
        {
            return true;
        }

        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !TryCpu(ends[0], out var first) || !TryCpu(ends[^1], out var last) || last < first)
            {
                return false;
            }

            found.Add(($"cpu:{part}", [.. Enumerable.Range(first, last - first + 1)]));
        }

        var cpus = found.SelectMany(set => set.Cpus).ToArray();
        return found.Count <= SetsMax && cpus.Distinct().Count() == cpus.Length;
    }

    private static bool TryCpu(string text, out int cpu) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu <= CpuMax;
}
