namespace Atoll.Models;

/// <summary>What the operators of ai.onnx.ml do with their scores at the end.</summary>
internal static class PostTransform
{
    /// <summary>Transforms one row of scores in place.</summary>
    public static void Apply(OperatorCall call, Span<double> scores)
    {
        switch (call.Attributes.Text("post_transform", "NONE"))
        {
            case "NONE":
                break;
            case "LOGISTIC":
                foreach (ref var score in scores)
                {
                    score = UnaryOperators.Sigmoid(score);
                }

                break;
            case "SOFTMAX":
                Softmax(scores, keepsZeros: false);
                break;
            case "SOFTMAX_ZERO":
                Softmax(scores, keepsZeros: true);
                break;
            case "PROBIT":
                foreach (ref var score in scores)
                {
                    score = Probit(score);
                }

                break;
            case var other:
                throw call.Fail(ModelError.InvalidAttribute, $"post_transform '{other}' is not known");
        }
    }

    private static void Softmax(Span<double> scores, bool keepsZeros)
    {
        var largest = double.NegativeInfinity;
        foreach (var score in scores)
        {
            largest = Math.Max(largest, score);
        }

        var sum = 0.0;
        foreach (ref var score in scores)
        {
            // Scores that are all but zero mean "no evidence" and stay so.
            score = keepsZeros && Math.Abs(score) <= 1e-7 ? 0 : Math.Exp(score - largest);
            sum += score;
        }

        foreach (ref var score in scores)
        {
            score = sum == 0 ? 0 : score / sum;
        }
    }

    /// <summary>
    /// The normal distribution's quantile, by Winitzki's approximation of the inverse error function, which is what
    /// models that use it were made with.
    /// </summary>
    private static double Probit(double value)
    {
        var x = 2 * value - 1;
        var log = Math.Log((1 - x) * (1 + x));
        var v = 2 / (Math.PI * 0.147) + 0.5 * log;
        return Math.Sqrt(2) * Math.Sign(x) * Math.Sqrt(-v + Math.Sqrt(v * v - log / 0.147));
    }
}
