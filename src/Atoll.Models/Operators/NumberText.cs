using System.Globalization;
using System.Numerics;

namespace Atoll.Models;

/// <summary>Numbers as text, as Cast reads and writes them.</summary>
internal static class NumberText
{
    /// <summary>The shortest text that reads back as the same number; NaN, INF and -INF by name.</summary>
    public static Tensor Format(OperatorCall call, Tensor tensor)
    {
        if (tensor.Type == ElementType.Bool)
        {
            return Tensor.OfStrings(tensor.Shape, Array.ConvertAll(tensor.Data, b => b == 0 ? "False" : "True"));
        }

        var numbers = tensor.Type == ElementType.BFloat16
            ? CastOperator.Convert(call, tensor, ElementType.Float32) : tensor;
        return NumericDispatch.Run(call, numbers.Type, new Formatting(numbers));
    }

    /// <exception cref="ModelException">An element is no number of the type.</exception>
    public static Tensor Parse(OperatorCall call, Tensor tensor, ElementType to)
    {
        var texts = tensor.Strings();
        if (to == ElementType.Bool)
        {
            return new Tensor(to, tensor.Shape, Array.ConvertAll(texts, t => Truth(call, t)));
        }

        return to == ElementType.BFloat16
            ? CastOperator.Convert(call, Parse(call, tensor, ElementType.Float32), to)
            : NumericDispatch.Run(call, to, new Parsing(call, texts, tensor.Shape, to));
    }

    private static byte Truth(OperatorCall call, string text) => text switch
    {
        "1" or "True" or "true" => 1,
        "0" or "False" or "false" => 0,
        _ => throw NoNumber(call, text, ElementType.Bool),
    };

    private static ModelException NoNumber(OperatorCall call, string text, ElementType to)
    {
        const int Shown = 40;
        var start = text.Length <= Shown ? text : text[..Shown] + "…";
        return call.Fail(ModelError.InvalidShape, $"the string '{start}' is no {to}");
    }

    private readonly record struct Formatting(Tensor Tensor) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T> =>
            Tensor.OfStrings(Tensor.Shape, Array.ConvertAll(Tensor.AsSpan<T>().ToArray(), Text));

        private static string Text<T>(T value) where T : INumber<T> => T.IsNaN(value) ? "NaN"
            : T.IsInfinity(value) ? T.IsNegative(value) ? "-INF" : "INF"
            : value.ToString(null, CultureInfo.InvariantCulture).Replace('E', 'e');
    }

    private readonly record struct Parsing(OperatorCall Call, string[] Texts, long[] Shape, ElementType To)
        : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var values = new T[Texts.Length];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = Number<T>(Texts[i].Trim());
            }

            return Tensor.Of<T>(To, Shape, values);
        }

        private T Number<T>(string text) where T : unmanaged, INumber<T>
        {
            if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
            {
                return value;
            }

            // "5.0" is the whole number 5, and the standard names the infinities INF.
            var name = text.ToUpperInvariant();
            var wide = name is "INF" or "+INF" or "INFINITY" or "+INFINITY" ? double.PositiveInfinity
                : name is "-INF" or "-INFINITY" ? double.NegativeInfinity
                : name == "NAN" ? double.NaN
                : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
                : throw NoNumber(Call, text, To);
            return double.IsFinite(wide) || To is ElementType.Float16 or ElementType.Float32 or ElementType.Float64
                ? T.CreateTruncating(wide) : throw NoNumber(Call, text, To);
        }
    }
}
