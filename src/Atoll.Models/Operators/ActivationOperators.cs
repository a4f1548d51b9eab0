using System.Numerics;

namespace Atoll.Models;

/// <summary>Elementwise functions of one tensor with parameters.</summary>
internal static class ActivationOperators
{
    private const float SeluAlpha = 1.67326319217681884765625f;
    private const float SeluGamma = 1.05070102214813232421875f;

    public static IEnumerable<OperatorDefinition> All =>
    [
        Float("LeakyRelu", a => Leaky(a.Float("alpha", 0.01f))),
        Float("Elu", a => Exponential(a.Float("alpha", 1), 1)),
        Float("Selu", a => Exponential(a.Float("alpha", SeluAlpha), a.Float("gamma", SeluGamma))),
        Float("Celu", a => Celu(a.Float("alpha", 1)), 12),
        Float("ThresholdedRelu", a => Threshold(a.Float("alpha", 1)), 10),
        Float("HardSigmoid", a => HardSigmoid(a.Float("alpha", 0.2f), a.Float("beta", 0.5f))),
        Float("Shrink", a => Shrink(a.Float("bias"), a.Float("lambd", 0.5f)), 9),
        Float("Gelu", a => a.Text("approximate", "none") == "tanh" ? GeluTanh : Gelu, 20),
        new("Clip", InferClip, Clip) { InputsMax = 3 },
    ];

    private static OperatorDefinition Float(string name, Func<NodeAttributes, Func<double, double>> function,
        int since = 6) =>
        new(name, ShapeRules.SameAsFirst, call => [UnaryOperators.Map(call, call.Input(0), function(call.Attributes))])
        {
            SinceOpset = since,
        };

    private static Func<double, double> Leaky(double alpha) => x => x < 0 ? alpha * x : x;

    private static Func<double, double> Exponential(double alpha, double gamma) => x =>
        gamma * (x > 0 ? x : alpha * (Math.Exp(x) - 1));

    private static Func<double, double> Celu(double alpha) => x =>
        Math.Max(0, x) + Math.Min(0, alpha * (Math.Exp(x / alpha) - 1));

    private static Func<double, double> Threshold(double alpha) => x => x > alpha ? x : 0;

    private static Func<double, double> HardSigmoid(double alpha, double beta) => x =>
        Math.Clamp(alpha * x + beta, 0, 1);

    private static Func<double, double> Shrink(double bias, double lambda) => x => x < -lambda ? x + bias : x > lambda
        ? x - bias : 0;

    private static double Gelu(double x) => 0.5 * x * (1 + ErrorFunction.Erf(x / Math.Sqrt(2)));

    private static double GeluTanh(double x) =>
        0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    private static void InferClip(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor[] Clip(OperatorCall call) => [NumericDispatch.Run(call, call.Type(0), new ClipAction(call))];

    /// <summary>Bounds are attributes before opset 11 and inputs since; when they cross, the upper one wins.</summary>
    private readonly record struct ClipAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var values = Call.Input(0).AsSpan<T>().ToArray();
            var low = Bound<T>("min", 1);
            var high = Bound<T>("max", 2);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = low is { } least && values[i] < least ? least : values[i];
                values[i] = high is { } most && values[i] > most ? most : values[i];
            }
            return Tensor.Of<T>(Call.Type(0), Call.OutputShape(), values);
        }

        private T? Bound<T>(string attribute, int input) where T : unmanaged, INumber<T>
        {
            if (Call.Opset < 11)
            {
                return Call.Attributes.Has(attribute) ? T.CreateSaturating(Call.Attributes.Float(attribute)) : null;
            }
            return Call.Has(input) ? Call.Input(input).AsSpan<T>()[0] : null;
        }
    }
}
