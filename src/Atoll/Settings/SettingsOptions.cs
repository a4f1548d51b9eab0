using System.CommandLine;
using System.CommandLine.Parsing;

namespace Atoll;

/// <summary>The options through which a command line gives settings, and what it gave.</summary>
internal static class SettingsOptions
{
    private const string FileFlag = "--settings";
    private const string SetFlag = "--set";

    /// <summary>Options of every command.</summary>
    public static IEnumerable<Option> Global() =>
    [
        new Option<string>(FileFlag)
        {
            Description =
                $"Settings file (default: {SettingsSources.DefaultFile} in the current folder, where it exists).",
            HelpName = "FILE",
            Recursive = true,
        },
        new Option<string[]>(SetFlag)
        {
            Description = "Give a setting by its name; repeatable.",
            HelpName = "NAME=VALUE",
            Recursive = true,
        },
        For("log.format", isRecursive: true),
        For("log.level", isRecursive: true),
    ];

    /// <summary>The setting's own flag, for a command that uses it.</summary>
    public static Option<string> For(string setting, bool isRecursive = false)
    {
        var found = SettingsTable.Get(setting);
        return new Option<string>(found.Info.Flag!)
        {
            Description = $"{found.Info.Doc} Allowed: {found.Allowed}. (setting {setting})",
            HelpName = "VALUE",
            Recursive = isRecursive,
        };
    }

    /// <summary>Loads the settings that hold for this command line.</summary>
    /// <exception cref="UsageException">A setting is unknown or not allowed.</exception>
    public static LoadedSettings Load(ParseResult result) => SettingsLoader.Load(new SettingsSources
    {
        File = result.GetValue<string>(FileFlag),
        Environment = SettingsSources.ProcessEnvironment(),
        Flags = [.. Assignments(result), .. OwnFlags(result)],
    });

    private static IEnumerable<GivenSetting> Assignments(ParseResult result) =>
        (result.GetValue<string[]>(SetFlag) ?? []).Select(text => text.Split('=', 2) is [var name, var value]
            ? new GivenSetting(name, value, $"flag {SetFlag}")
            : throw new UsageException($"{SetFlag} {text}: NAME=VALUE is needed"));

    private static IEnumerable<GivenSetting> OwnFlags(ParseResult result) =>
        from setting in SettingsTable.All
        let flag = setting.Info.Flag
        where flag is not null
        let option = result.GetResult(flag) as OptionResult
        where option is { Implicit: false }
        select new GivenSetting(setting.Name, option.GetValueOrDefault<string>() ?? "", $"flag {flag}");
}
