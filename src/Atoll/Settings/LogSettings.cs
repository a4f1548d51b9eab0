namespace Atoll;

/// <summary>Settings of what the process says about itself.</summary>
internal static class LogSettings
{
    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Choice(
            new("log.format", "", "How log lines look: text for people, json for machines.") { Flag = "--log-format" },
            s => s.Log.Format, (s, v) => s.Log.Format = v),
        Setting.Choice(
            new("log.level", "", "Least important level that is logged.") { Flag = "--log-level" },
            s => s.Log.Level, (s, v) => s.Log.Level = v),
    ];
}
