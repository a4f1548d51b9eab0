using System.Collections;
using System.Text.Json;

namespace Atoll;

/// <summary>Where settings come from, weakest first: default, file, environment, flags.</summary>
internal sealed record SettingsSources
{
    public const string DefaultFile = "atoll.json";

    /// <summary>Begins the name of every variable of the environment that is ours.</summary>
    public const string Prefix = "ATOLL_";

    private static readonly JsonDocumentOptions Lenient =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>The file named by the user, or null for atoll.json of the current folder where it exists.</summary>
    public string? File { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<GivenSetting> Flags { get; init; } = [];

    /// <summary>The process's environment variables that start with ATOLL_, in any case.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(entry => ((string)entry.Key).StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "");

    /// <summary>Every value that was given, weakest first.</summary>
    /// <exception cref="UsageException">The file cannot be read.</exception>
    public IEnumerable<GivenSetting> Read() => [.. ReadFile(), .. ReadEnvironment(), .. Flags];

    /// <summary>Names with a section (two underscores) are settings; ATOLL_PEER and the like are not.</summary>
    public static bool IsSetting(string variable) =>
        variable.StartsWith(Prefix, StringComparison.Ordinal) && variable.Contains("__", StringComparison.Ordinal);

    private IEnumerable<GivenSetting> ReadEnvironment() => Environment
        .Where(variable => IsSetting(variable.Key))
        .OrderBy(variable => variable.Key, StringComparer.Ordinal)
        .Select(variable => new GivenSetting(
            variable.Key[Prefix.Length..].ToLowerInvariant().Replace("__", ".", StringComparison.Ordinal),
            variable.Value,
            $"environment {variable.Key}"));

    private IEnumerable<GivenSetting> ReadFile()
    {
        var path = File ?? DefaultFile;
        if (!System.IO.File.Exists(path))
        {
            return File is null ? [] : throw new UsageException($"settings file '{path}' does not exist");
        }

        try
        {
            using var document = JsonDocument.Parse(System.IO.File.ReadAllText(path), Lenient);
            return [.. Flatten(document.RootElement, "", $"file {path}")];
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"settings file '{path}' cannot be read: {exception.Message}", exception);
        }
    }

    private static IEnumerable<GivenSetting> Flatten(JsonElement element, string name, string origin) =>
        element.ValueKind == JsonValueKind.Object
            ? element.EnumerateObject().SelectMany(member =>
                Flatten(member.Value, name.Length == 0 ? member.Name : $"{name}.{member.Name}", origin))
            : [new GivenSetting(name, element.ToString(), origin)];
}

/// <summary>A value that someone gave for a setting, and where.</summary>
internal sealed record GivenSetting(string Name, string Value, string Origin);

/// <summary>The settings in force and, by name, where each comes from.</summary>
internal sealed record LoadedSettings(AtollSettings Settings, IReadOnlyDictionary<string, string> Origins);

/// <summary>Merges the sources by precedence and checks all values at once.</summary>
internal static class SettingsLoader
{
    /// <exception cref="UsageException">Unknown names or values not allowed; the message lists all.</exception>
    public static LoadedSettings Load(SettingsSources sources)
    {
        var settings = new AtollSettings();
        var origins = SettingsTable.All.ToDictionary(setting => setting.Name, _ => "default");
        var problems = new List<string>();
        foreach (var given in sources.Read())
        {
            var problem = Apply(given, settings);
            if (problem is null)
            {
                origins[given.Name] = given.Origin;
            }
            else
            {
                problems.Add(problem);
            }
        }

        return problems.Count == 0
            ? new LoadedSettings(settings, origins)
            : throw new UsageException("settings are not valid: " + string.Join("; ", problems));
    }

    private static string? Apply(GivenSetting given, AtollSettings settings)
    {
        var setting = SettingsTable.Find(given.Name);
        if (setting is null)
        {
            var nearest = SettingsTable.Nearest(given.Name).Name;
            return $"{given.Origin}: no setting is named '{given.Name}', the nearest is {nearest} " +
                "(atoll settings lists them)";
        }

        var shown = setting.Info.IsSecret ? "***" : given.Value;
        return setting.TrySet(settings, given.Value)
            ? null
            : $"{given.Origin}: {given.Name} is '{shown}', allowed: {setting.Allowed}{Unit(setting)}";
    }

    private static string Unit(Setting setting) => setting.Info.Unit.Length == 0 ? "" : " " + setting.Info.Unit;
}
