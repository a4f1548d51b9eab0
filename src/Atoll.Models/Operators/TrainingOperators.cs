namespace Atoll.Models;

/// <summary>
/// Optimizer steps of the domain ai.onnx.preview.training. Inputs are the learning rate, the step count, and then for
/// each tensor kind (weights, gradients, state…) all tensors of that kind.
/// </summary>
internal static class TrainingOperators
{
    public const string Domain = "ai.onnx.preview.training";

    public static IEnumerable<OperatorDefinition> All =>
    [
        Optimizer("Adagrad", 1, Adagrad), Optimizer("Momentum", 1, Momentum), Optimizer("Adam", 2, Adam),
    ];

    /// <summary>New weight and new state of one element, of its weight, gradient and state.</summary>
    private delegate double[] Update(OperatorCall call, double rate, long step, double[] element);

    private static OperatorDefinition Optimizer(string name, int states, Update update) => new(name,
        call => Infer(call, states), call => Evaluate(call, states, update))
    {
        Domain = Domain, SinceOpset = 1, InputsMin = 3 + states + 1, InputsMax = int.MaxValue,
        OutputsMax = int.MaxValue,
    };

    private static int Tensors(OperatorCall call, int states) => (call.InputCount - 2) % (states + 2) == 0
        ? (call.InputCount - 2) / (states + 2)
        : throw call.Fail(ModelError.InvalidGraph, $"its tensors do not come in groups of {states + 2}");

    // Outputs are the new weights and states; the gradients between them are inputs only.
    private static int InputOf(int output, int tensors) => 2 + (output < tensors ? output : output + tensors);

    private static void Infer(OperatorCall call, int states)
    {
        var tensors = Tensors(call, states);
        for (var i = 0; i < call.OutputCount; i++)
        {
            call.Set(i, call.Type(InputOf(i, tensors)), call.Shape(InputOf(i, tensors)));
        }
    }

    private static Tensor[] Evaluate(OperatorCall call, int states, Update update)
    {
        var tensors = Tensors(call, states);
        var (rate, step) = (WideTensor.Of(call, 0)[0], (long)WideTensor.Of(call, 1)[0]);
        var results = new Tensor[tensors * (states + 1)];
        for (var t = 0; t < tensors; t++)
        {
            var kinds = Enumerable.Range(0, states + 2).Select(k => WideTensor.Of(call, 2 + k * tensors + t)).ToArray();
            var made = Enumerable.Range(0, states + 1).Select(_ => new double[kinds[0].Length]).ToArray();
            for (var i = 0; i < kinds[0].Length; i++)
            {
                var element = update(call, rate, step, [.. kinds.Select(k => k[i])]);
                for (var k = 0; k < made.Length; k++)
                {
                    made[k][i] = element[k];
                }
            }
            for (var k = 0; k < made.Length; k++)
            {
                var like = call.Input(InputOf(k * tensors + t, tensors));
                results[k * tensors + t] = WideTensor.Narrow(call, made[k], like.Shape, like.Type);
            }
        }
        return results;
    }

    private static double Regularized(OperatorCall call, double[] e) =>
        e[1] + call.Attributes.Float("norm_coefficient") * e[0];

    private static double[] Adagrad(OperatorCall call, double rate, long step, double[] e)
    {
        var gradient = Regularized(call, e);
        var squares = e[2] + gradient * gradient;
        var slowed = rate / (1 + step * call.Attributes.Float("decay_factor"));
        return [e[0] - slowed * gradient / (Math.Sqrt(squares) + call.Attributes.Float("epsilon", 1e-6f)), squares];
    }

    private static double[] Momentum(OperatorCall call, double rate, long step, double[] e)
    {
        var gradient = Regularized(call, e);
        var alpha = call.Attributes.Float("alpha");
        var velocity = alpha * e[2] + (step > 0 ? call.Attributes.Float("beta") : 1) * gradient;
        var move = call.Attributes.Text("mode", "standard") == "nesterov" ? gradient + alpha * velocity : velocity;
        return [e[0] - rate * move, velocity];
    }

    private static double[] Adam(OperatorCall call, double rate, long step, double[] e)
    {
        double alpha = call.Attributes.Float("alpha", 0.9f), beta = call.Attributes.Float("beta", 0.999f);
        var gradient = Regularized(call, e);
        var (mean, squares) = (alpha * e[2] + (1 - alpha) * gradient, beta * e[3] + (1 - beta) * gradient * gradient);
        var adjusted = step > 0 ? rate * Math.Sqrt(1 - Math.Pow(beta, step)) / (1 - Math.Pow(alpha, step)) : rate;
        var moved = e[0] - adjusted * mean / (Math.Sqrt(squares) + call.Attributes.Float("epsilon", 1e-6f));
        return [(1 - call.Attributes.Float("norm_coefficient_post")) * moved, mean, squares];
    }
}
