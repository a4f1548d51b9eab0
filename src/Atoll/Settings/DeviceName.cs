using System.Globalization;

namespace Atoll;

/// <summary>The names of devices: `cpu` and `cpu:N`.</summary>
internal static class DeviceName
{
    public const string Allowed = "cpu, cpu:N (N compute units, 1 to 1024); this build has no CUDA device";

    public static bool IsKnown(string name) => TryParse(name, out _);

    /// <summary>Reads a name; `units` is 0 for every CPU that the process may use.</summary>
    public static bool TryParse(string name, out int units)
    {
        units = 0;
        return name == "cpu" ||
            (name.StartsWith("cpu:", StringComparison.Ordinal) &&
                int.TryParse(name.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out units) &&
                units is > 0 and <= 1024);
    }
}
