using System.Numerics;
using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>A function of one number that keeps its type.</summary>
internal interface IUnaryFunction
{
    static abstract T Invoke<T>(T x) where T : unmanaged, INumber<T>;
}

/// <summary>Elementwise functions of one tensor without attributes.</summary>
internal static class UnaryOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Numeric<Absolute>("Abs"), Numeric<Negation>("Neg"), Numeric<Signum>("Sign") with { SinceOpset = 9 },
        Numeric<Rectifier>("Relu"),
        Float("Exp", Math.Exp), Float("Log", Math.Log), Float("Sqrt", Math.Sqrt), Float("Reciprocal", x => 1 / x),
        Float("Floor", Math.Floor), Float("Ceil", Math.Ceiling),
        Float("Round", x => Math.Round(x, MidpointRounding.ToEven), 11),
        Float("Sin", Math.Sin, 7), Float("Cos", Math.Cos, 7), Float("Tan", Math.Tan, 7), Float("Asin", Math.Asin, 7),
        Float("Acos", Math.Acos, 7), Float("Atan", Math.Atan, 7), Float("Sinh", Math.Sinh, 9),
        Float("Cosh", Math.Cosh, 9),
        Float("Asinh", Math.Asinh, 9), Float("Acosh", Math.Acosh, 9), Float("Atanh", Math.Atanh, 9),
        Float("Tanh", Math.Tanh), Float("Sigmoid", Sigmoid), Float("Erf", ErrorFunction.Erf, 9),
        Float("Softplus", x => Math.Max(x, 0) + LogOnePlus(Math.Exp(-Math.Abs(x))), 1),
        Float("Softsign", x => x / (1 + Math.Abs(x)), 1),
        Float("HardSwish", x => x * Math.Clamp(x / 6 + 0.5, 0, 1), 14),
        Float("Mish", x => x * Math.Tanh(Math.Max(x, 0) + LogOnePlus(Math.Exp(-Math.Abs(x)))), 18),
    ];

    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    /// <summary>A floating-point function computed in double precision.</summary>
    public static OperatorDefinition Float(string name, Func<double, double> function,
        int since = OperatorTable.OldestOpset) =>
        new(name, ShapeRules.SameAsFirst, call => [Map(call, call.Input(0), function)]) { SinceOpset = since };

    public static Tensor Map(OperatorCall call, Tensor input, Func<double, double> function) =>
        NumericDispatch.RunFloat(call, input.Type, new FloatAction(input, function));

    /// <summary>log(1 + x) without the loss of small x; the correction is Kahan's.</summary>
    private static double LogOnePlus(double x)
    {
        var u = 1 + x;
        return u == 1 ? x : Math.Log(u) * x / (u - 1);
    }

    private static OperatorDefinition Numeric<TFunction>(string name) where TFunction : IUnaryFunction =>
        new(name, ShapeRules.SameAsFirst, call =>
            [NumericDispatch.Run(call, call.Type(0), new Action<TFunction>(call.Input(0)))]);

    private readonly record struct Action<TFunction>(Tensor Input) : INumericAction where TFunction : IUnaryFunction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var from = Input.AsSpan<T>();
            var data = new byte[Input.Data.Length];
            var to = MemoryMarshal.Cast<byte, T>(data.AsSpan());
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = TFunction.Invoke(from[i]);
            }
            return new Tensor(Input.Type, Input.Shape, data);
        }
    }

    private readonly record struct FloatAction(Tensor Input, Func<double, double> Function) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var from = Input.AsSpan<T>();
            var data = new byte[Input.Data.Length];
            var to = MemoryMarshal.Cast<byte, T>(data.AsSpan());
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = T.CreateTruncating(Function(double.CreateTruncating(from[i])));
            }
            return new Tensor(Input.Type, Input.Shape, data);
        }
    }

    private readonly struct Absolute : IUnaryFunction
    {
        public static T Invoke<T>(T x) where T : unmanaged, INumber<T> => T.Abs(x);
    }

    private readonly struct Negation : IUnaryFunction
    {
        public static T Invoke<T>(T x) where T : unmanaged, INumber<T> => -x;
    }

    private readonly struct Signum : IUnaryFunction
    {
        public static T Invoke<T>(T x) where T : unmanaged, INumber<T> => x > T.Zero ? T.One : x < T.Zero ? -T.One : x;
    }

    private readonly struct Rectifier : IUnaryFunction
    {
        public static T Invoke<T>(T x) where T : unmanaged, INumber<T> => x < T.Zero ? T.Zero : x;
    }
}
