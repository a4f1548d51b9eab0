using System.Text;

namespace Atoll;

/// <summary>Writes docs/settings.md from the table of settings.</summary>
internal static class SettingsMarkdown
{
    private const string Head =
        """
        # Settings

        Written by `atoll settings --markdown`; a test keeps it up to date.

        A value comes from, strongest first: a flag (its own, or `--set NAME=VALUE`), an environment variable, the file
        (`--settings FILE`, else `atoll.json` in the current folder), the default. All values are checked at start;
        every value that is not allowed is reported, with its origin and what is allowed. `atoll settings` prints the
        values in force and where each comes from.

        In the file a section is an object: `{ "log": { "level": "debug" } }`. In the environment the dot is two
        underscores: `ATOLL_LOG__LEVEL=debug`.

        """;

    public static string Write()
    {
        var text = new StringBuilder(Head.ReplaceLineEndings("\n"));
        var defaults = new AtollSettings();
        foreach (var section in SettingsTable.All.GroupBy(setting => setting.Name.Split('.')[0]))
        {
            text.Append('\n').Append("## ").Append(section.Key).Append("\n\n");
            text.Append("| Name | Flag | Default | Unit | Allowed | Meaning |\n|---|---|---|---|---|---|\n");
            foreach (var setting in section)
            {
                var flag = setting.Info.Flag is { } name ? $"`{name}`" : "";
                var value = setting.Get(defaults) is { Length: > 0 } given ? $"`{given}`" : "";
                text.Append("| `").Append(setting.Name).Append("` | ").AppendJoin(
                    " | ", flag, value, setting.Info.Unit, setting.Allowed, setting.Info.Doc).Append(" |\n");
            }
        }

        return text.ToString();
    }
}
