namespace Atoll.Models;

/// <summary>Linear models of ai.onnx.ml, and the scaling of features.</summary>
internal static class LinearOperators
{
    public const string Domain = "ai.onnx.ml";

    public static IEnumerable<OperatorDefinition> All =>
    [
        Define("LinearRegressor", InferRegressor, Regress),
        Define("LinearClassifier", InferClassifier, Classify) with { OutputsMax = 2 },
        Define("Scaler", InferFloat, Scale),
        Define("Normalizer", InferFloat, Normalize),
    ];

    /// <summary>A declaration that holds at all versions of the domain that are had.</summary>
    public static OperatorDefinition Define(string name, Action<OperatorCall> infer,
        Func<OperatorCall, ModelValue[]> evaluate) =>
        new(name, infer, evaluate) { Domain = Domain, SinceOpset = 1, UntilOpset = 4 };

    public static void InferFloat(OperatorCall call) => call.Set(0, ElementType.Float32, call.Shape(0));

    /// <summary>Rows and columns of a matrix, or of a vector as one row.</summary>
    public static (int Rows, int Columns) Size(OperatorCall call)
    {
        var shape = call.Shape(0)!;
        var columns = shape.Length == 0 ? 1 : shape[^1];
        return shape.Length > 2 ? throw call.Fail(ModelError.InvalidShape, "its input is no matrix")
            : (shape.Length == 2 ? checked((int)shape[0]) : 1, checked((int)columns));
    }

    public static long Rows(OperatorCall call) => call.Shape(0) is { } shape ? shape.Length == 2 ? shape[0] : 1 : -1;

    private static int Targets(OperatorCall call) => checked((int)call.Attributes.Int("targets", 1));

    private static void InferRegressor(OperatorCall call) =>
        call.Set(0, ElementType.Float32, [Rows(call), Targets(call)]);

    private static Tensor[] Regress(OperatorCall call)
    {
        var scores = Scores(call, Targets(call), out var rows);
        foreach (var row in Enumerable.Range(0, rows))
        {
            PostTransform.Apply(call, scores.AsSpan(row * Targets(call), Targets(call)));
        }

        return [WideTensor.Narrow(call, scores, [rows, Targets(call)], ElementType.Float32)];
    }

    /// <summary>Each row times the coefficients of each target, plus its intercept.</summary>
    private static double[] Scores(OperatorCall call, int targets, out int rows)
    {
        var x = WideTensor.Of(call, 0);
        (rows, var columns) = Size(call);
        var weights = call.Attributes.Floats("coefficients");
        var intercepts = call.Attributes.Floats("intercepts");
        if (targets < 1 || weights.Length != (long)targets * columns)
        {
            throw call.Fail(ModelError.InvalidAttribute,
                $"{weights.Length} coefficients do not fit {targets} targets of {columns} features");
        }

        var scores = new double[checked(rows * targets)];
        for (var i = 0; i < scores.Length; i++)
        {
            var (row, target) = (i / targets, i % targets);
            scores[i] = target < intercepts.Length ? intercepts[target] : 0;
            for (var c = 0; c < columns; c++)
            {
                scores[i] += x[row * columns + c] * weights[target * columns + c];
            }
        }

        return scores;
    }

    private static int Classes(OperatorCall call, ClassLabels labels) =>
        call.Attributes.Floats("intercepts") is { Length: > 0 } intercepts ? intercepts.Length : labels.Count;

    private static void InferClassifier(OperatorCall call)
    {
        var labels = ClassLabels.Of(call, "classlabels", "ints");
        var classes = Classes(call, labels);
        call.Set(0, labels.Type, [Rows(call)]);
        call.Set(1, ElementType.Float32, [Rows(call), classes == 1 ? 2 : classes]);
    }

    /// <summary>
    /// The class of the highest score; of one score only, the second of two classes where it is positive.
    /// </summary>
    private static ModelValue[] Classify(OperatorCall call)
    {
        var labels = ClassLabels.Of(call, "classlabels", "ints");
        var classes = Classes(call, labels);
        var scores = Scores(call, classes, out var rows);
        var chosen = Enumerable.Range(0, rows).Select(row => classes == 1 ? scores[row] > 0 ? 1 : 0
            : Largest(scores.AsSpan(row * classes, classes))).ToArray();
        if (classes == 1)
        {
            scores = [.. scores.SelectMany(s => BinaryScores(call, s))];
            classes = 2;
        }
        else
        {
            for (var row = 0; row < rows; row++)
            {
                PostTransform.Apply(call, scores.AsSpan(row * classes, classes));
            }
        }

        return [labels.Select(chosen), WideTensor.Narrow(call, scores, [rows, classes], ElementType.Float32)];
    }

    public static int Largest(ReadOnlySpan<double> scores)
    {
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
        {
            best = scores[i] > scores[best] ? i : best;
        }

        return best;
    }

    /// <summary>The scores of both classes from that of the second.</summary>
    private static double[] BinaryScores(OperatorCall call, double score) =>
        call.Attributes.Text("post_transform", "NONE") == "LOGISTIC"
            ? [UnaryOperators.Sigmoid(-score), UnaryOperators.Sigmoid(score)]
            : [1 - score, score];

    private static Tensor[] Scale(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var (_, columns) = Size(call);
        var offset = call.Attributes.Floats("offset", [0]);
        var scale = call.Attributes.Floats("scale", [1]);
        if ((offset.Length != 1 && offset.Length != columns) || (scale.Length != 1 && scale.Length != columns))
        {
            throw call.Fail(ModelError.InvalidAttribute, $"offset or scale do not fit {columns} features");
        }

        for (var i = 0; i < x.Length; i++)
        {
            x[i] = (x[i] - offset[offset.Length == 1 ? 0 : i % columns]) *
                scale[scale.Length == 1 ? 0 : i % columns];
        }

        return [WideTensor.Narrow(call, x, call.OutputShape(), ElementType.Float32)];
    }

    /// <summary>Divides each row by its norm; a row of zeros stays.</summary>
    private static Tensor[] Normalize(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var (rows, columns) = Size(call);
        for (var r = 0; r < rows; r++)
        {
            var row = x.AsSpan(r * columns, columns);
            var norm = Norm(call, row);
            foreach (ref var value in row)
            {
                value = norm == 0 ? value : value / norm;
            }
        }

        return [WideTensor.Narrow(call, x, call.OutputShape(), ElementType.Float32)];
    }

    private static double Norm(OperatorCall call, ReadOnlySpan<double> row)
    {
        var (largest, sum, squares) = (double.NegativeInfinity, 0.0, 0.0);
        foreach (var value in row)
        {
            (largest, sum, squares) = (Math.Max(largest, value), sum + Math.Abs(value), squares + value * value);
        }

        return call.Attributes.Text("norm", "MAX") switch
        {
            "MAX" => largest,
            "L1" => sum,
            "L2" => Math.Sqrt(squares),
            var other => throw call.Fail(ModelError.InvalidAttribute, $"norm '{other}' is not known"),
        };
    }
}
