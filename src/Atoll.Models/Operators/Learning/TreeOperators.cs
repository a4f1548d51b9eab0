using System.Runtime.CompilerServices;

namespace Atoll.Models;

/// <summary>Ensembles of decision trees of ai.onnx.ml.</summary>
internal static class TreeOperators
{
    // The trees of a node are read once; they follow from its attributes alone, which copies of the node share.
    private static readonly ConditionalWeakTable<NodeAttributes, TreeEnsemble> Read = [];

    public static IEnumerable<OperatorDefinition> All =>
    [
        LinearOperators.Define("TreeEnsembleRegressor", InferRegressor, Regress),
        LinearOperators.Define("TreeEnsembleClassifier", InferClassifier, Classify) with { OutputsMax = 2 },
    ];

    private static TreeEnsemble Trees(OperatorCall call, string side) =>
        Read.GetValue(call.Attributes, _ => TreeEnsemble.Of(call, side));

    private static int Targets(OperatorCall call) => checked((int)call.Attributes.Int("n_targets", 1));

    private static void InferRegressor(OperatorCall call)
    {
        Trees(call, "target");
        call.Set(0, ElementType.Float32, [LinearOperators.Rows(call), Targets(call)]);
    }

    private static Tensor[] Regress(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var (rows, columns) = LinearOperators.Size(call);
        var targets = Targets(call);
        var trees = Trees(call, "target");
        var result = new double[checked(rows * targets)];
        for (var row = 0; row < rows; row++)
        {
            Aggregate(call, trees, x.AsSpan(row * columns, columns), result.AsSpan(row * targets, targets));
        }

        return [WideTensor.Narrow(call, result, [rows, targets], ElementType.Float32)];
    }

    private static void Aggregate(OperatorCall call, TreeEnsemble trees, ReadOnlySpan<double> row, Span<double> result)
    {
        var values = new double[result.Length];
        var isThere = new bool[result.Length];
        var function = call.Attributes.Text("aggregate_function", "SUM");
        trees.Visit(call, row, leaf =>
        {
            ref var value = ref values[leaf.Target];
            value = !isThere[leaf.Target] ? leaf.Weight : function switch
            {
                "SUM" or "AVERAGE" => value + leaf.Weight,
                "MIN" => Math.Min(value, leaf.Weight),
                "MAX" => Math.Max(value, leaf.Weight),
                _ => throw call.Fail(ModelError.InvalidAttribute, $"aggregate_function '{function}' is not known"),
            };
            isThere[leaf.Target] = true;
        });
        var start = TreeEnsemble.Numbers(call, "base_values");
        for (var t = 0; t < result.Length; t++)
        {
            result[t] = values[t] / (function == "AVERAGE" ? trees.Trees : 1) + (t < start.Length ? start[t] : 0);
        }

        PostTransform.Apply(call, result);
    }

    private static void InferClassifier(OperatorCall call)
    {
        Trees(call, "class");
        var labels = ClassLabels.Of(call, "classlabels", "int64s");
        call.Set(0, labels.Type, [LinearOperators.Rows(call)]);
        call.Set(1, ElementType.Float32, [LinearOperators.Rows(call), labels.Count]);
    }

    private static ModelValue[] Classify(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var (rows, columns) = LinearOperators.Size(call);
        var labels = ClassLabels.Of(call, "classlabels", "int64s");
        var trees = Trees(call, "class");
        var scores = new double[checked(rows * labels.Count)];
        var chosen = new int[rows];
        var isBinary = labels.Count == 2 && trees.Weights.Select(w => w.Target).Distinct().Count() == 1;
        for (var row = 0; row < rows; row++)
        {
            var part = scores.AsSpan(row * labels.Count, labels.Count);
            Sum(call, trees, x.AsSpan(row * columns, columns), part);
            chosen[row] = isBinary ? Binary(call, trees, part) : Multi(call, part);
        }

        return [labels.Select(chosen), WideTensor.Narrow(call, scores, [rows, labels.Count], ElementType.Float32)];
    }

    private static void Sum(OperatorCall call, TreeEnsemble trees, ReadOnlySpan<double> row, Span<double> scores)
    {
        var sums = new double[scores.Length];
        trees.Visit(call, row, leaf => sums[leaf.Target] += leaf.Weight);
        var start = TreeEnsemble.Numbers(call, "base_values");
        for (var i = 0; i < sums.Length; i++)
        {
            scores[i] = sums[i] + (i < start.Length ? start[i] : 0);
        }
    }

    private static int Multi(OperatorCall call, Span<double> scores)
    {
        var best = LinearOperators.Largest(scores);
        PostTransform.Apply(call, scores);
        return best;
    }

    /// <summary>
    /// All leaves speak of one class. Where their weights are none negative they are its probability, else a score
    /// whose sign decides.
    /// </summary>
    private static int Binary(OperatorCall call, TreeEnsemble trees, Span<double> scores)
    {
        var score = scores[0] + scores[1];
        var isProbability = trees.Weights.All(w => w.Weight >= 0);
        var isLogistic = call.Attributes.Text("post_transform", "NONE") == "LOGISTIC";
        (scores[0], scores[1]) = isProbability ? (1 - score, score)
            : isLogistic ? (UnaryOperators.Sigmoid(-score), UnaryOperators.Sigmoid(score))
            : (-score, score);
        return score > (isProbability ? 0.5 : 0) ? 1 : 0;
    }
}
