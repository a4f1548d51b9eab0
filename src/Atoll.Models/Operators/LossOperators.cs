namespace Atoll.Models;

/// <summary>Classification losses over (N, classes, d…) with class indices (N, d…).</summary>
internal static class LossOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("NegativeLogLikelihoodLoss", InferLoss, call =>
            [Loss(call, WideTensor.Of(call, 0))]) { InputsMin = 2, InputsMax = 3, SinceOpset = 12 },
        new("SoftmaxCrossEntropyLoss", InferLoss, CrossEntropy) { InputsMin = 2, InputsMax = 3, OutputsMax = 2,
            SinceOpset = 12 },
    ];

    private static void InferLoss(OperatorCall call)
    {
        call.RequireRank(0, 2);
        var shape = call.Shape(0);
        var reduction = call.Attributes.Text("reduction", "mean");
        if (reduction is not ("none" or "sum" or "mean"))
        {
            throw call.Fail(ModelError.InvalidAttribute, $"reduction '{reduction}' is not known");
        }
        call.Set(0, call.Type(0), reduction != "none" ? [] : shape is null ? null : [shape[0], .. shape[2..]]);
        call.Set(1, call.Type(0), shape);
    }

    private static Tensor[] CrossEntropy(OperatorCall call)
    {
        var (x, shape) = (WideTensor.Of(call, 0), call.Input(0).Shape);
        var (outer, classes, inner) = SortingOperators.Extent(shape, 1);
        for (var row = 0; row < outer * inner; row++)
        {
            var start = row / inner * classes * inner + row % inner;
            var top = double.NegativeInfinity;
            for (var c = 0; c < classes; c++)
            {
                top = Math.Max(top, x[start + c * inner]);
            }
            var sum = 0.0;
            for (var c = 0; c < classes; c++)
            {
                sum += Math.Exp(x[start + c * inner] - top);
            }
            for (var c = 0; c < classes; c++)
            {
                x[start + c * inner] -= top + Math.Log(sum);
            }
        }
        return [Loss(call, x), WideTensor.Narrow(call, x, shape, call.Type(0))];
    }

    /// <summary>The mean divides by the weights of the classes that occur.</summary>
    private static Tensor Loss(OperatorCall call, double[] logarithms)
    {
        var shape = call.Input(0).Shape;
        var (_, classes, inner) = SortingOperators.Extent(shape, 1);
        var targets = call.IntsOf(1);
        var weights = call.Has(2) ? WideTensor.Of(call, 2) : [.. Enumerable.Repeat(1.0, classes)];
        long? ignored = call.Attributes.Has("ignore_index") ? call.Attributes.Int("ignore_index") : null;
        var losses = new double[targets.Length];
        var total = 0.0;
        for (var i = 0; i < targets.Length; i++)
        {
            if (targets[i] != ignored)
            {
                var target = (int)ScatterOperators.Index(call, targets[i], classes);
                losses[i] = -logarithms[(i / inner * classes + target) * inner + i % inner] * weights[target];
                total += weights[target];
            }
        }
        double[] result = call.Attributes.Text("reduction", "mean") switch
        {
            "none" => losses,
            "sum" => [losses.Sum()],
            _ => [losses.Sum() / total],
        };
        return WideTensor.Narrow(call, result, call.OutputShape(), call.Type(0));
    }
}
