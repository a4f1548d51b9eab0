using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Atoll.Serving;

/// <summary>
/// A value of a YAML file with its place, so that whatever is wrong with it can be told with file, line and key.
/// </summary>
public sealed class YamlSource
{
    /// <summary>A larger file is refused before it is parsed.</summary>
    public const int MaxBytes = 16 << 20;

    private readonly YamlNode _node;
    private readonly string _file;

    private YamlSource(YamlNode node, string file, string key) => (_node, _file, Key) = (node, file, key);

    /// <summary>Where it is in the file, such as sessions[2].rate.</summary>
    public string Key { get; }

    public long Line => _node.Start.Line;

    public bool IsMap => _node is YamlMappingNode;

    public bool IsList => _node is YamlSequenceNode;

    /// <exception cref="ServingException">The file cannot be read or is not one YAML map.</exception>
    public static YamlSource Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } file)
            {
                throw new ServingException(
                    ServingError.InvalidPlan, $"{path} has {file.Length} bytes (limit {MaxBytes})");
            }

            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"{path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Parses the text of a file; <paramref name="file"/> is named in messages.</summary>
    public static YamlSource Parse(string text, string file)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            return stream.Documents is [{ RootNode: YamlMappingNode root }]
                ? new YamlSource(root, file, "")
                : throw new ServingException(ServingError.InvalidPlan, $"{file}: one YAML map is needed");
        }
        catch (YamlException exception)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"{file}, line {exception.Start.Line}: {exception.Message}", exception);
        }
    }

    /// <summary>The value of a key, or null when it is absent.</summary>
    public YamlSource? Find(string key)
    {
        if (_node is not YamlMappingNode map)
        {
            throw Error("is not a map");
        }

        return map.Children.TryGetValue(new YamlScalarNode(key), out var value)
            ? new YamlSource(value, _file, Key.Length == 0 ? key : $"{Key}.{key}")
            : null;
    }

    /// <summary>The value of a key that must be there.</summary>
    public YamlSource Get(string key) => Find(key) ?? throw Error($"needs the key '{key}'");

    /// <summary>The items of a list.</summary>
    public IReadOnlyList<YamlSource> Items() => _node is YamlSequenceNode list
        ? [.. list.Children.Select((item, i) => new YamlSource(item, _file, $"{Key}[{i}]"))]
        : throw Error("is not a list");

    /// <summary>The items of a list under a key, or none when the key is absent.</summary>
    public IReadOnlyList<YamlSource> Items(string key) => Find(key)?.Items() ?? [];

    /// <summary>Refuses keys that nobody knows: a misspelt key must not be passed over.</summary>
    public void Allow(params ReadOnlySpan<string> keys)
    {
        if (_node is not YamlMappingNode map)
        {
            throw Error("is not a map");
        }

        foreach (var (key, value) in map.Children)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            if (!keys.Contains(name))
            {
                throw new YamlSource(key, _file, Key.Length == 0 ? name : $"{Key}.{name}")
                    .Error($"is unknown; known are {string.Join(", ", keys.ToArray())}");
            }
        }
    }

    public string Text() =>
        _node is YamlScalarNode { Value: { Length: > 0 } text } ? text : throw Error("is not a text");

    public string Text(string key) => Get(key).Text();

    public string Text(string key, string absent) => Find(key)?.Text() ?? absent;

    /// <summary>A number within bounds, both included.</summary>
    public double Number(double least, double most) =>
        !double.TryParse(Text(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ||
        !double.IsFinite(value) ? throw Error($"'{Text()}' is not a number")
        : value < least || value > most ? throw Error(string.Create(
            CultureInfo.InvariantCulture, $"{value} is not within {least} and {most}"))
        : value;

    public double Number(string key, double least, double most) => Get(key).Number(least, most);

    public double Number(string key, double least, double most, double absent) =>
        Find(key)?.Number(least, most) ?? absent;

    public int Whole(int least, int most)
    {
        var value = Number(least, most);
        return value == Math.Floor(value) ? (int)value : throw Error($"'{Text()}' is not a whole number");
    }

    public int Whole(string key, int least, int most, int absent) => Find(key)?.Whole(least, most) ?? absent;

    public bool Flag(string key) => Find(key) is { } value &&
        (bool.TryParse(value.Text(), out var flag) ? flag
            : throw value.Error($"'{value.Text()}' is not true or false"));

    /// <summary>The problem with its place: file, line, key.</summary>
    public ServingException Error(string what) => new(
        ServingError.InvalidPlan, $"{_file}, line {Line}: {(Key.Length == 0 ? "the file" : $"'{Key}'")} {what}");
}
