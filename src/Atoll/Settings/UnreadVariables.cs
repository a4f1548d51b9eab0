namespace Atoll;

/// <summary>
/// Environment variables that are named like settings and read by nobody: most are a setting with a slip in its name.
/// </summary>
internal static class UnreadVariables
{
    // Tests, test.sh and `atoll bench` read these.
    private static readonly string[] Others =
        ["ATOLL_LONG", "ATOLL_PEER", "ATOLL_SHARED", "ATOLL_TEST_LIMIT", "ATOLL_WRITE_CASES"];

    /// <summary>A line for each, with the nearest setting; values are never shown.</summary>
    public static IEnumerable<string> Describe(IEnumerable<string> names) => names
        .Where(name => name.StartsWith(SettingsSources.Prefix, StringComparison.OrdinalIgnoreCase) &&
            !SettingsSources.IsSetting(name) && !Others.Contains(name))
        .Order(StringComparer.Ordinal)
        .Select(name =>
        {
            var nearest = SettingsTable.Nearest(name[SettingsSources.Prefix.Length..]).Environment;
            return $"the environment variable {name} is no setting and changes nothing; the nearest is {nearest}";
        });
}
