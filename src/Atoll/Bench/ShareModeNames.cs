using Atoll.Devices;

namespace Atoll;

/// <summary>The names of the share modes in commands, settings and JSON.</summary>
internal static class ShareModeNames
{
    private static readonly Dictionary<string, ShareMode> Modes = new()
    {
        ["sequential"] = ShareMode.Sequential,
        ["multi_stream"] = ShareMode.MultiStream,
        ["wait"] = ShareMode.Wait,
        ["reset_leave"] = ShareMode.ResetLeave,
        ["reset"] = ShareMode.Reset,
        ["reset_padding"] = ShareMode.ResetPadding,
    };

    public static IReadOnlyCollection<string> All => Modes.Keys;

    public static string NameOf(ShareMode mode) => Modes.First(pair => pair.Value == mode).Key;

    /// <summary>The mode of a name, which may have hyphens as the setting device.mode has.</summary>
    /// <exception cref="UsageException">The name is none of <see cref="All"/>.</exception>
    public static ShareMode Parse(string name) => Modes.TryGetValue(name.Replace('-', '_'), out var mode)
        ? mode
        : throw new UsageException($"unknown share mode '{name}': one of {string.Join(", ", Modes.Keys)}");
}
