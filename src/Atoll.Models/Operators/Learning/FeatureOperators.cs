namespace Atoll.Models;

/// <summary>Operators of ai.onnx.ml that prepare features and name results.</summary>
internal static class FeatureOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        LinearOperators.Define("ArrayFeatureExtractor", InferExtracted, Extract) with
        {
            InputsMin = 2, InputsMax = 2, Strings = StringSupport.AsIndices,
        },
        LinearOperators.Define("Binarizer", ShapeRules.SameAsFirst, Binarize),
        LinearOperators.Define("Imputer", ShapeRules.SameAsFirst, Impute),
        LinearOperators.Define("LabelEncoder", InferEncoded, Encode) with { Strings = StringSupport.Own },
        LinearOperators.Define("OneHotEncoder", InferOneHot, OneHot) with { Strings = StringSupport.Own },
        LinearOperators.Define("ZipMap", InferZipped, Zip),
    ];

    private static void InferExtracted(OperatorCall call)
    {
        var count = call.Shape(1) is { } indices ? ShapeRules.Product(indices) ?? -1 : -1;
        call.Set(0, call.Type(0), call.Shape(0) is not { } shape ? null
            : shape.Length == 1 ? [1, count] : [.. shape[..^1], count]);
    }

    /// <summary>Selects along the last axis.</summary>
    private static ModelValue[] Extract(OperatorCall call)
    {
        var (input, indices) = (call.Input(0), call.IntsOf(1));
        var columns = input.Shape[^1];
        if (Array.Exists(indices, i => i < 0 || i >= columns))
        {
            throw call.Fail(ModelError.InvalidShape, $"a feature is outside 0..{columns - 1}");
        }

        var picked = AxisRows.Of(input, input.Shape.Length - 1).Select(indices);
        return [new Tensor(picked.Type, call.OutputShape(), picked.Data)];
    }

    private static ModelValue[] Binarize(OperatorCall call)
    {
        var threshold = call.Attributes.Float("threshold");
        return [UnaryOperators.Map(call, call.Input(0), x => x > threshold ? 1 : 0)];
    }

    /// <summary>Puts a value, one for all features or one for each, where a value is missing.</summary>
    private static ModelValue[] Impute(OperatorCall call)
    {
        var input = call.Input(0);
        var isFloat = input.Type is ElementType.Float32 or ElementType.Float64;
        double[] imputed = isFloat ? [.. call.Attributes.Floats("imputed_value_floats").Select(v => (double)v)]
            : [.. call.Attributes.Ints("imputed_value_int64s").Select(v => (double)v)];
        var missing = isFloat ? call.Attributes.Float("replaced_value_float")
            : (double)call.Attributes.Int("replaced_value_int64");
        var columns = input.Shape.Length == 0 ? 1 : input.Shape[^1];
        if (imputed.Length != 1 && imputed.Length != columns)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"{imputed.Length} imputed values for {columns} features");
        }

        var values = WideTensor.Of(call, 0);
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i].Equals(missing))
            {
                values[i] = imputed[imputed.Length == 1 ? 0 : i % columns];
            }
        }

        return [WideTensor.Narrow(call, values, input.Shape, input.Type)];
    }

    private static void InferEncoded(OperatorCall call) =>
        call.Set(0, LabelMap.Of(call).ValueType, call.Shape(0));

    private static ModelValue[] Encode(OperatorCall call) => [LabelMap.Of(call).Apply(call.Input(0))];

    private static ClassLabels Categories(OperatorCall call) => ClassLabels.Of(call, "cats", "int64s");

    private static void InferOneHot(OperatorCall call) => call.Set(0, ElementType.Float32,
        call.Shape(0) is { } shape ? [.. shape, Categories(call).Count] : null);

    private static ModelValue[] OneHot(OperatorCall call)
    {
        var categories = Categories(call);
        var places = LabelMap.Keys(categories.All()).Index().ToDictionary(k => k.Item, k => k.Index);
        var input = call.Type(0) == ElementType.String || categories.Type == ElementType.String ? call.Input(0)
            : CastOperator.Convert(call, call.Input(0), ElementType.Int64);
        var keys = LabelMap.Keys(input);
        var result = new float[checked(keys.Length * categories.Count)];
        for (var i = 0; i < keys.Length; i++)
        {
            if (places.TryGetValue(keys[i], out var place))
            {
                result[i * categories.Count + place] = 1;
            }
            else if (call.Attributes.Int("zeros", 1) == 0)
            {
                throw call.Fail(ModelError.InvalidShape, $"'{keys[i]}' is none of the categories");
            }
        }

        return [Tensor.Float(call.OutputShape(), result)];
    }

    private static void InferZipped(OperatorCall call) => call.Set(0, new ContainerType(ContainerKind.Sequence,
        ElementType.Float32, new ContainerType(ContainerKind.Map, ElementType.Float32)));

    /// <summary>One map from label to score per row.</summary>
    private static ModelValue[] Zip(OperatorCall call)
    {
        var keys = ClassLabels.Of(call, "classlabels", "int64s").All();
        var (rows, columns) = LinearOperators.Size(call);
        if (columns != keys.ElementCount)
        {
            throw call.Fail(ModelError.InvalidShape, $"{keys.ElementCount} labels for {columns} scores");
        }

        var scores = call.Input(0).AsSpan<float>().ToArray();
        return
        [
            new ValueSequence(call.Output(0).Container!, [.. Enumerable.Range(0, rows).Select(row =>
                new ValueMap(keys, Tensor.Float([columns], scores.AsSpan(row * columns, columns))))]),
        ];
    }
}
