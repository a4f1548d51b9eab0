namespace Atoll;

/// <summary>The one list of settings; the loader, the flags, `atoll settings` and docs/settings.md read it.</summary>
internal static class SettingsTable
{
    public static IReadOnlyList<Setting> All { get; } =
        [.. DeviceSettings.All, .. ServingSettings.All, .. ModelSettings.All, .. LogSettings.All];

    private static readonly Dictionary<string, Setting> ByName = All.ToDictionary(setting => setting.Name);

    public static Setting? Find(string name) => ByName.GetValueOrDefault(name);

    public static Setting Get(string name) =>
        Find(name) ?? throw new ArgumentException($"no setting is named '{name}'", nameof(name));

    /// <summary>The setting that a wrong name may mean, with or without its section.</summary>
    public static Setting Nearest(string name)
    {
        var wanted = Plain(name);
        return All.MinBy(setting => int.Min(
            NearestName.Distance(wanted, Plain(setting.Name)),
            NearestName.Distance(wanted, Plain(setting.Name[(setting.Name.IndexOf('.') + 1)..])) + 1))!;

        static string Plain(string text) =>
            text.ToLowerInvariant().Replace("__", "_", StringComparison.Ordinal).Replace('.', '_');
    }
}
