using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Atoll.Serving;

/// <summary>
/// Reads a query from YAML: `objective_ms`, `expected_rate`, `stages` (each `name`, `model`, `inputs`, and optionally
/// `gamma` and `when`) and `outputs`. A tensor is `STAGE.OUTPUT`, or the name of an input of the query; an input may
/// also
/// be crops: `image` and `boxes`, and optionally `scores` with `at_least`, and `relative`.
/// </summary>
public static class PipelineFile
{
    /// <summary>Ends the name of a query's file; what is before it names the query.</summary>
    public const string Extension = ".query.yaml";

    private const int MaxBytes = 1 << 20;

    /// <exception cref="ServingException">The file cannot be read or is wrong; the message says where.</exception>
    public static PipelineSpec Read(string path)
    {
        var name = Path.GetFileName(path);
        name = name.EndsWith(Extension, StringComparison.Ordinal) ? name[..^Extension.Length] : name;
        try
        {
            return new FileInfo(path).Length > MaxBytes
                ? throw Wrong(path, $"it is larger than {MaxBytes} bytes")
                : Parse(File.ReadAllText(path), name, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(ServingError.InvalidPlan, $"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a query from text; <paramref name="where"/> names it in errors.</summary>
    /// <exception cref="ServingException">It is wrong.</exception>
    public static PipelineSpec Parse(string text, string name, string where)
    {
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text));
            var root = yaml.Documents.Count == 1 && yaml.Documents[0].RootNode is YamlMappingNode map
                ? map
                : throw Wrong(where, "one mapping is needed");
            Check(root, where, "objective_ms", "expected_rate", "stages", "outputs");
            return new PipelineSpec
            {
                Name = name,
                Objective = TimeSpan.FromMilliseconds(Number(root, "objective_ms", where, (0.001, 3_600_000), null)),
                ExpectedRate = Number(root, "expected_rate", where, (0, 10_000_000), 0),
                Stages = [.. List(root, "stages", where).Select(stage => Stage(stage, where))],
                Outputs = Tensors(root, "outputs", where),
            };
        }
        catch (YamlException e)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"{where}, line {e.Start.Line}: {e.Message}", e);
        }
    }

    private static PipelineStage Stage(YamlNode node, string where)
    {
        var map = node as YamlMappingNode ?? throw Wrong(where, "a stage must be a mapping");
        Check(map, where, "name", "model", "inputs", "gamma", "when");
        var name = Text(map, "name", where);
        return new PipelineStage(name, Text(map, "model", where), Tensors(map, "inputs", where))
        {
            Gamma = Number(map, "gamma", where, (1e-6, 1e6), 1),
            When = map.Children.TryGetValue("when", out var when) ? Condition(when, $"{where}, stage '{name}'") : null,
        };
    }

    private static PipelineCondition Condition(YamlNode node, string where)
    {
        var map = node as YamlMappingNode ?? throw Wrong(where, "'when' must be a mapping");
        Check(map, where, "output", "index", "at_least", "probability");
        var of = Tensor("when", Text(map, "output", where));
        return of.Stage is null
            ? throw Wrong(where, "'when' must name an output of a stage: STAGE.OUTPUT")
            : new PipelineCondition(
                of, (int)Number(map, "index", where, (0, int.MaxValue), 0),
                Number(map, "at_least", where, (double.MinValue, double.MaxValue), null),
                Number(map, "probability", where, (1e-6, 1), 1));
    }

    private static PipelineTensor[] Tensors(YamlMappingNode map, string key, string where)
    {
        var tensors = map.Children.TryGetValue(key, out var node) && node is YamlMappingNode { Children.Count: > 0 } own
            ? own
            : throw Wrong(where, $"'{key}' must be a mapping of names to tensors");
        return [.. tensors.Children.Select(
            pair => pair.Value is YamlMappingNode crop && key == "inputs"
                ? Crop(Scalar(pair.Key, key, where), crop, $"{where}, input '{pair.Key}'")
                : Tensor(Scalar(pair.Key, key, where), Scalar(pair.Value, key, where)))];
    }

    private static PipelineTensor Crop(string name, YamlMappingNode map, string where)
    {
        Check(map, where, "image", "boxes", "scores", "at_least", "relative");
        var hasScores = map.Children.ContainsKey("scores");
        if (hasScores != map.Children.ContainsKey("at_least"))
        {
            throw Wrong(where, "'scores' and 'at_least' need each other");
        }

        return Tensor(name, Text(map, "image", where)) with
        {
            Crop = new PipelineCrop(
                Tensor(name, Text(map, "boxes", where)),
                hasScores ? Tensor(name, Text(map, "scores", where)) : null,
                Number(map, "at_least", where, (double.MinValue, double.MaxValue), 0),
                map.Children.ContainsKey("relative") && Text(map, "relative", where) switch
                {
                    "true" => true,
                    "false" => false,
                    var other => throw Wrong(where, $"'relative' is '{other}'; true or false is needed"),
                }),
        };
    }

    private static PipelineTensor Tensor(string name, string source)
    {
        var dot = source.IndexOf('.', StringComparison.Ordinal);
        return dot < 0
            ? new PipelineTensor(name, null, source)
            : new PipelineTensor(name, source[..dot], source[(dot + 1)..]);
    }

    private static IEnumerable<YamlNode> List(YamlMappingNode map, string key, string where) =>
        map.Children.TryGetValue(key, out var node) && node is YamlSequenceNode { Children.Count: > 0 } list
            ? list.Children
            : throw Wrong(where, $"'{key}' must be a list");

    private static string Text(YamlMappingNode map, string key, string where) =>
        map.Children.TryGetValue(key, out var node)
            ? Scalar(node, key, where)
            : throw Wrong(where, $"'{key}' is missing");

    private static string Scalar(YamlNode node, string key, string where) =>
        node is YamlScalarNode { Value: { Length: > 0 } value } ? value : throw Wrong(where, $"'{key}' must be text");

    private static double Number(
        YamlMappingNode map, string key, string where, (double Least, double Most) range, double? absent)
    {
        if (absent is { } value && !map.Children.ContainsKey(key))
        {
            return value;
        }

        var text = Text(map, key, where);
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) &&
            number >= range.Least && number <= range.Most
            ? number
            : throw Wrong(where, string.Create(CultureInfo.InvariantCulture,
                $"'{key}' is '{text}'; a number from {range.Least} to {range.Most} is needed"));
    }

    private static void Check(YamlMappingNode map, string where, params string[] known)
    {
        foreach (var key in map.Children.Keys)
        {
            if (key is not YamlScalarNode { Value: { } name } || !known.Contains(name))
            {
                throw Wrong(where, $"'{key}' is unknown; allowed are {string.Join(", ", known)}");
            }
        }
    }

    private static ServingException Wrong(string where, string what) =>
        new(ServingError.InvalidPlan, $"query {where}: {what}");
}
