namespace Atoll.Models;

/// <summary>Operators on text, and which other operators take strings.</summary>
internal static class StringOperators
{
    private static readonly HashSet<string> Own =
    [
        "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape", "Size", "Cast", "CastLike",
    ];

    private static readonly HashSet<string> AsIndices =
    [
        "Transpose", "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Tile", "Expand", "Where",
        "Scatter", "ScatterElements", "ScatterND", "ReverseSequence", "Compress", "Unique", "Equal", "Pad", "OneHot",
        "DepthToSpace", "SpaceToDepth",
    ];

    public static IEnumerable<OperatorDefinition> All =>
    [
        new("StringNormalizer", InferNormalized, Normalize) { SinceOpset = 10, Strings = StringSupport.Own },
    ];

    /// <summary>The declaration with what the operator does with strings.</summary>
    public static OperatorDefinition WithStrings(OperatorDefinition definition) =>
        definition.Domain.Length > 0 || definition.Strings != StringSupport.None ? definition
        : Own.Contains(definition.Name) ? definition with { Strings = StringSupport.Own }
        : AsIndices.Contains(definition.Name) ? definition with { Strings = StringSupport.AsIndices }
        : definition;

    private static void InferNormalized(OperatorCall call)
    {
        var stops = call.Attributes.Texts("stopwords").Length > 0;
        call.RequireRank(0, 1, 2);
        call.Set(0, ElementType.String, call.Shape(0) switch
        {
            null => null,
            [var count] => [stops ? -1 : count],
            [1, var count] => [1, stops ? -1 : count],
            var other => throw call.Fail(ModelError.InvalidShape, $"[{string.Join(',', other)}] is not [1, count]"),
        });
    }

    /// <summary>Drops stop words, then changes case; when nothing is left, one empty string is.</summary>
    private static Tensor[] Normalize(OperatorCall call)
    {
        var sensitive = call.Attributes.Int("is_case_sensitive") != 0;
        var stops = call.Attributes.Texts("stopwords").ToHashSet(
            sensitive ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
        var words = call.Input(0).Strings().Where(word => !stops.Contains(word));
        string[] changed = call.Attributes.Text("case_change_action", "NONE") switch
        {
            "LOWER" => [.. words.Select(w => w.ToLowerInvariant())],
            "UPPER" => [.. words.Select(w => w.ToUpperInvariant())],
            "NONE" => [.. words],
            var action => throw call.Fail(ModelError.InvalidAttribute, $"case_change_action '{action}' is not known"),
        };
        string[] kept = changed.Length > 0 ? changed : [""];
        return [Tensor.OfStrings(call.Shape(0)!.Length == 1 ? [kept.Length] : [1, kept.Length], kept)];
    }
}
