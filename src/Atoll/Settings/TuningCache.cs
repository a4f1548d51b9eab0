using System.Security.Cryptography;
using System.Text;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// Where measured kernel choices are kept: one small file for each processor and version, in the user's cache folder
/// unless the settings name another.
/// </summary>
internal static class TuningCache
{
    public const string Auto = "auto";
    public const string Off = "off";

    public const string Allowed = $"{Auto}, {Off} or a folder";

    /// <summary>The choices that the settings ask for; null where they are off.</summary>
    /// <param name="settings">Folder and time.</param>
    /// <param name="report">Gets a sentence when the file cannot be used.</param>
    public static KernelTuning? Open(ModelsSection settings, Action<string> report)
    {
        if (settings.TuningCache == Off)
        {
            return null;
        }

        var folder = settings.TuningCache == Auto ? UserFolder : settings.TuningCache;
        var machine = $"{MachineInfo.Processor}; atoll {VersionCommand.Read().Version}";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(machine)))[..16];
        return new KernelTuning(Path.Combine(folder, $"kernels-{hash}.tuning"), machine, TimeProvider.System, report)
        {
            Budget = TimeSpan.FromMilliseconds(settings.TuningBudgetMs),
        };
    }

    private static string UserFolder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "atoll");
}
