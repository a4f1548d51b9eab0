using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll settings`: the settings in force and where each comes from.</summary>
internal static class SettingsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var markdown = new Option<bool>("--markdown") { Description = "Print docs/settings.md." };
        var command =
            new Command("settings", "Print the settings in force and where each comes from.") { json, markdown };
        foreach (var setting in SettingsTable.All.Where(HasOwnFlag))
        {
            command.Add(SettingsOptions.For(setting.Name));
        }

        command.SetAction(result =>
        {
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(markdown))
            {
                output.Write(SettingsMarkdown.Write());
            }
            else if (result.GetValue(json))
            {
                output.WriteLine(Json(SettingsOptions.Load(result)).ToJsonString(JsonText.Indented));
            }
            else
            {
                Print(SettingsOptions.Load(result), output);
            }
        });
        return command;
    }

    // The log flags belong to every command already.
    private static bool HasOwnFlag(Setting setting) =>
        setting.Info.Flag is not null && !setting.Name.StartsWith("log.", StringComparison.Ordinal);

    private static JsonObject Json(LoadedSettings loaded) => new(SettingsTable.All.Select(setting =>
        KeyValuePair.Create<string, JsonNode?>(setting.Name, new JsonObject
        {
            ["value"] = Shown(setting, loaded.Settings),
            ["unit"] = setting.Info.Unit,
            ["origin"] = loaded.Origins[setting.Name],
            ["allowed"] = setting.Allowed,
        })));

    private static void Print(LoadedSettings loaded, TextWriter output)
    {
        var table = TextTable.Create("name", "value", "unit", "origin");
        foreach (var setting in SettingsTable.All)
        {
            TextTable.Add(
                table, setting.Name, Shown(setting, loaded.Settings), setting.Info.Unit, loaded.Origins[setting.Name]);
        }

        TextTable.Write(table, output);
    }

    private static string Shown(Setting setting, AtollSettings settings) =>
        setting.Info.IsSecret && setting.Get(settings).Length > 0 ? "***" : setting.Get(settings);
}
