using System.Text.Json;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// One `--input`: NAME=@FILE.npy, NAME=@FILE.json or NAME=JSON, where JSON is a number or (nested) lists.
/// </summary>
internal sealed record InputArgument(string Name, string Value)
{
    /// <exception cref="UsageException">The text has no name or no value.</exception>
    public static InputArgument Parse(string text) =>
        text.Split('=', 2) is [{ Length: > 0 } name, { Length: > 0 } value]
        ? new InputArgument(name, value)
        : throw new UsageException($"--input {text}: NAME=@FILE.npy, NAME=@FILE.json or NAME=JSON is needed");

    /// <summary>
    /// The tensor for a model's input of this type and shape (-1 for a dimension that the request chooses).
    /// </summary>
    /// <exception cref="UsageException">A file is absent or wrong, or a value is not of the type.</exception>
    public TensorValue Read(ElementType type, IReadOnlyList<long> shape)
    {
        if (!Value.StartsWith('@'))
        {
            return FromJson(Value, "the value", type, shape);
        }

        var path = Value[1..];
        if (!File.Exists(path))
        {
            throw new UsageException($"input '{Name}': file '{path}' does not exist");
        }

        return path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase)
            ? NumPyFile.Read(Name, path)
            : FromJson(File.ReadAllText(path), $"'{path}'", type, shape);
    }

    private TensorValue FromJson(string text, string origin, ElementType type, IReadOnlyList<long> shape)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var dims = new List<long>();
            var values = new List<JsonElement>();
            Flatten(document.RootElement, 0, dims, values);
            return new TensorValue(Name, type, Fit(dims, values.Count, shape), ElementCodec.Encode(type, values));
        }
        catch (JsonException exception)
        {
            throw new UsageException($"input '{Name}': {origin} is not JSON: {exception.Message}", exception);
        }
    }

    private void Flatten(JsonElement element, int depth, List<long> dims, List<JsonElement> values)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            if (depth != dims.Count)
            {
                throw new UsageException($"input '{Name}': its lists are not nested evenly");
            }

            values.Add(element);
            return;
        }

        var length = element.GetArrayLength();
        if (depth == dims.Count && values.Count == 0)
        {
            dims.Add(length);
        }
        else if (depth >= dims.Count || dims[depth] != length)
        {
            throw new UsageException($"input '{Name}': its lists are not of equal length");
        }

        foreach (var item in element.EnumerateArray())
        {
            Flatten(item, depth + 1, dims, values);
        }
    }

    // A flat list takes the model's shape where that leaves no doubt.
    private static long[] Fit(List<long> dims, int count, IReadOnlyList<long> shape)
    {
        var fixedCount = shape.Aggregate(1L, (product, dim) => product * Math.Max(dim, 1));
        var open = shape.Count(dim => dim < 0);
        return dims.Count <= 1 && shape.Count != dims.Count && open <= 1 && fixedCount > 0 && count % fixedCount == 0 &&
            (open == 1 || count == fixedCount)
            ? [.. shape.Select(dim => dim < 0 ? count / fixedCount : dim)]
            : [.. dims];
    }
}
