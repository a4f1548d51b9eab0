using System.Text.RegularExpressions;

namespace Atoll.Tests;

public sealed partial class SettingsTableTests
{
    [Fact]
    public void Every_default_is_an_allowed_value_and_is_read_back()
    {
        var defaults = new AtollSettings();
        Assert.All(SettingsTable.All, setting =>
        {
            var text = setting.Get(defaults);
            var settings = new AtollSettings();
            Assert.True(setting.TrySet(settings, text), $"{setting.Name} = '{text}'");
            Assert.Equal(text, setting.Get(settings));
        });
    }

    [Fact]
    public void Names_are_a_section_and_a_word_and_each_is_explained() => Assert.All(SettingsTable.All, setting =>
    {
        Assert.Matches("^[a-z]+\\.[a-z_]+$", setting.Name);
        Assert.EndsWith(".", setting.Info.Doc, StringComparison.Ordinal);
    });

    [Fact]
    public void The_settings_page_is_what_the_table_says()
    {
        var path = Path.Combine(Checkout.Root, "docs", "settings.md");
        Assert.True(
            File.ReadAllText(path) == SettingsMarkdown.Write(),
            "docs/settings.md is out of date: dotnet run --project src/Atoll -- settings --markdown > " +
                "docs/settings.md");
    }

    [Fact]
    public void Every_setting_that_an_error_names_exists()
    {
        var named =
            from file in Directory.EnumerateFiles(
                Path.Combine(Checkout.Root, "src"), "*.cs", SearchOption.AllDirectories)
            from Match match in NamedSetting().Matches(File.ReadAllText(file))
            select (File: Path.GetFileName(file), Name: match.Groups[1].Value);
        Assert.All(named, entry => Assert.True(
            SettingsTable.Find(entry.Name) is not null, $"{entry.File} names the setting {entry.Name}"));
    }

    [GeneratedRegex(@"\bsettings? ([a-z]+\.[a-z_]+)\b")]
    private static partial Regex NamedSetting();
}
