using System.Globalization;

namespace Atoll.Models;

/// <summary>
/// The mapping of a LabelEncoder: from strings, whole numbers or floats to one of these, with a value for the rest. The
/// first version of the operator maps strings to their places in a list, or places to strings.
/// </summary>
internal sealed class LabelMap
{
    private readonly Dictionary<string, int> _places;
    private readonly Tensor _values;
    private readonly Tensor _missing;

    private LabelMap(Tensor keys, Tensor values, Tensor missing)
    {
        _places = [];
        foreach (var (place, key) in Keys(keys).Index())
        {
            _places[key] = place;
        }

        (_values, _missing) = (values, missing);
    }

    public ElementType ValueType => _values.Type;

    public static LabelMap Of(OperatorCall call)
    {
        if (call.Opset == 1)
        {
            return First(call);
        }

        var (keys, values) = (List(call, "keys"), List(call, "values"));
        return keys.ElementCount == values.ElementCount ? new LabelMap(keys, values, Missing(call, values.Type))
            : throw call.Fail(ModelError.InvalidAttribute,
                $"{keys.ElementCount} keys do not fit {values.ElementCount} values");
    }

    public Tensor Apply(Tensor input)
    {
        int[] places = [.. Keys(input).Select(key => _places.GetValueOrDefault(key, -1))];
        if (ValueType == ElementType.String)
        {
            var (texts, rest) = (_values.Strings(), _missing.Strings()[0]);
            return Tensor.OfStrings(input.Shape, Array.ConvertAll(places, p => p < 0 ? rest : texts[p]));
        }

        var size = ValueType.SizeInBytes();
        return new Tensor(ValueType, input.Shape, [.. places.SelectMany(p =>
            p < 0 ? _missing.Data : _values.Data.AsSpan(p * size, size).ToArray())]);
    }

    /// <summary>Elements as texts that are equal where the elements are.</summary>
    public static string[] Keys(Tensor tensor) => tensor.Type switch
    {
        ElementType.String => tensor.Strings(),
        ElementType.Int64 => Array.ConvertAll(tensor.AsSpan<long>().ToArray(), v =>
            v.ToString(CultureInfo.InvariantCulture)),
        ElementType.Float32 => Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v =>
            v.ToString("R", CultureInfo.InvariantCulture)),
        _ => throw new NotSupportedException($"labels of {tensor.Type} are not had"),
    };

    private static LabelMap First(OperatorCall call)
    {
        var classes = call.Attributes.Texts("classes_strings");
        var texts = Tensor.OfStrings([classes.Length], classes);
        var places = Tensor.Int64([classes.Length], [.. Enumerable.Range(0, classes.Length).Select(i => (long)i)]);
        return call.Type(0) == ElementType.String ? new LabelMap(texts, places, Missing(call, ElementType.Int64))
            : new LabelMap(places, texts, Missing(call, ElementType.String));
    }

    private static Tensor List(OperatorCall call, string name)
    {
        var attributes = call.Attributes;
        return attributes.Has($"{name}_strings")
            ? Tensor.OfStrings([attributes.Texts($"{name}_strings").Length], attributes.Texts($"{name}_strings"))
            : attributes.Has($"{name}_int64s")
            ? Tensor.Int64([attributes.Ints($"{name}_int64s").Length], attributes.Ints($"{name}_int64s"))
            : attributes.Has($"{name}_floats")
            ? Tensor.Float([attributes.Floats($"{name}_floats").Length], attributes.Floats($"{name}_floats"))
            : throw call.Fail(ModelError.InvalidAttribute, $"it has no {name} of strings, int64s or floats");
    }

    private static Tensor Missing(OperatorCall call, ElementType type) => type switch
    {
        ElementType.String => Tensor.OfStrings([1], [call.Attributes.Text("default_string", "_Unused")]),
        ElementType.Int64 => Tensor.Int64([1], [call.Attributes.Int("default_int64", -1)]),
        _ => Tensor.Float([1], [call.Attributes.Float("default_float", -0f)]),
    };
}
