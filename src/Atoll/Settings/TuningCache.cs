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

        var folder = settings.TuningCache == Auto ? UserFolder(report) : settings.TuningCache;
        var machine = $"{MachineInfo.Processor}; atoll {VersionCommand.Read().Version}";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(machine)))[..16];
        var path = folder is null ? null : Path.Combine(folder, $"kernels-{hash}.tuning");
        return new KernelTuning(path, machine, TimeProvider.System, report)
        {
            Budget = TimeSpan.FromMilliseconds(settings.TuningBudgetMs),
        };
    }

    /// <summary>The folder in the user's cache folder; null where the user has none.</summary>
    internal static string? FolderOf(string? cache, string home)
    {
        // A relative one would lie wherever the server happens to be started.
        if (Path.IsPathFullyQualified(cache ?? ""))
        {
            return Path.Combine(cache!, "atoll");
        }

        return Path.IsPathFullyQualified(home) ? Path.Combine(home, ".cache", "atoll") : null;
    }

    private static string? UserFolder(Action<string> report)
    {
        var folder = FolderOf(
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME"),
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));
        if (folder is null)
        {
            report("kernel choices are not kept: neither XDG_CACHE_HOME nor the user's home is an absolute folder");
        }

        return folder;
    }
}
