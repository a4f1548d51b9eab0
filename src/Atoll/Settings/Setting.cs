using System.Globalization;
using System.Numerics;

namespace Atoll;

/// <summary>
/// One setting: its name (`section.name`), unit, allowed values and meaning, and how it is read from and written into
/// the typed tree. The default is what a new <see cref="AtollSettings"/> holds.
/// </summary>
internal sealed record Setting
{
    private Setting(
        SettingInfo info, string allowed, Func<AtollSettings, string> get, Func<AtollSettings, string, bool> set)
    {
        Info = info;
        Allowed = allowed;
        Get = get;
        TrySet = set;
    }

    public SettingInfo Info { get; }

    public string Name => Info.Name;

    /// <summary>The allowed values in words.</summary>
    public string Allowed { get; }

    /// <summary>The value as text that <see cref="TrySet"/> accepts.</summary>
    public Func<AtollSettings, string> Get { get; }

    /// <summary>Writes a value; false when the text is not an allowed value.</summary>
    public Func<AtollSettings, string, bool> TrySet { get; }

    public string Environment => "ATOLL_" + Name.ToUpperInvariant().Replace(".", "__", StringComparison.Ordinal);

    public static Setting Number<T>(
        SettingInfo info, (T Min, T Max) range, Func<AtollSettings, T> get, Action<AtollSettings, T> set)
        where T : struct, INumber<T>
    {
        return new Setting(
            info,
            $"{Text(range.Min)} to {Text(range.Max)}",
            settings => Text(get(settings)),
            (settings, text) =>
            {
                // A NaN fails both comparisons.
                if (!T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ||
                    !(value >= range.Min && value <= range.Max))
                {
                    return false;
                }

                set(settings, value);
                return true;
            });

        static string Text(T value) => value.ToString(null, CultureInfo.InvariantCulture);
    }

    /// <summary>A value of an enum, written in kebab case.</summary>
    public static Setting Choice<T>(SettingInfo info, Func<AtollSettings, T> get, Action<AtollSettings, T> set)
        where T : struct, Enum
    {
        var values =
            Enum.GetValues<T>().ToDictionary(value => Kebab(value.ToString()), StringComparer.OrdinalIgnoreCase);
        return new Setting(
            info,
            string.Join(", ", values.Keys),
            settings => Kebab(get(settings).ToString()),
            (settings, text) =>
            {
                var known = values.TryGetValue(text, out var value);
                if (known)
                {
                    set(settings, value);
                }

                return known;
            });
    }

    public static Setting Switch(SettingInfo info, Func<AtollSettings, bool> get, Action<AtollSettings, bool> set) =>
        new(
        info,
        "true, false",
        settings => get(settings) ? "true" : "false",
        (settings, text) =>
        {
            var known = bool.TryParse(text, out var value);
            if (known)
            {
                set(settings, value);
            }

            return known;
        });

    public static Setting String(
        SettingInfo info, string allowed, Func<string, bool> isAllowed, Func<AtollSettings, string> get,
        Action<AtollSettings, string> set) => new(
        info,
        allowed,
        get,
        (settings, text) =>
        {
            var fits = isAllowed(text);
            if (fits)
            {
                set(settings, text);
            }

            return fits;
        });

    private static string Kebab(string name) => string.Concat(name.Select((letter, index) =>
        (char.IsUpper(letter) && index > 0 ? "-" : "") + char.ToLowerInvariant(letter)));
}

/// <summary>What a person reads about a setting; `Flag` is its own option on the commands that use it.</summary>
internal sealed record SettingInfo(string Name, string Unit, string Doc)
{
    public string? Flag { get; init; }

    /// <summary>Never printed.</summary>
    public bool IsSecret { get; init; }
}
