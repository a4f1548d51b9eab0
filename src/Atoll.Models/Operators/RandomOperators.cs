namespace Atoll.Models;

/// <summary>
/// Random tensors from a counter-based generator: element i follows from the node's seed and i alone, so a repeated
/// run, whole or in part, gives the same numbers. A node without a seed has one made of its name.
/// </summary>
internal static class RandomOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Fresh("RandomNormal", Normal), Fresh("RandomUniform", Uniform),
        Like("RandomNormalLike", Normal), Like("RandomUniformLike", Uniform),
        new("Bernoulli", call => call.Set(0, TypeOf(call, call.Type(0)), call.Shape(0)), Bernoulli)
        {
            SinceOpset = 15, IsHeavy = true,
        },
        new("Multinomial", InferMultinomial, Multinomial) { SinceOpset = 7, IsHeavy = true },
    ];

    public static ulong Seed(OperatorCall call)
    {
        // A whole number for Dropout, a float elsewhere.
        var text = System.Convert.ToString(call.Attributes.Raw("seed"),
            System.Globalization.CultureInfo.InvariantCulture) is { Length: > 0 } seed ? seed : call.Node.Name;
        // FNV-1a, so that the seed is the same in every process.
        return text.Aggregate(14695981039346656037UL, (hash, c) => (hash ^ c) * 1099511628211UL);
    }

    /// <summary>The i-th number of a seed, in [0, 1): the finalizer of SplitMix64.</summary>
    public static double Number(ulong seed, long i)
    {
        var z = seed + (ulong)(i + 1) * 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    private static OperatorDefinition Fresh(string name, Func<OperatorCall, Func<long, double>> distribution) => new(
        name, call => call.Set(0, TypeOf(call, ElementType.Float32), call.Attributes.Ints("shape")),
        call => [Fill(call, call.Attributes.Ints("shape"), distribution(call))])
    {
        InputsMin = 0, InputsMax = 0, IsHeavy = true,
    };

    private static OperatorDefinition Like(string name, Func<OperatorCall, Func<long, double>> distribution) => new(
        name, call => call.Set(0, TypeOf(call, call.Type(0)), call.Shape(0)),
        call => [Fill(call, call.Input(0).Shape, distribution(call))])
    {
        IsHeavy = true, NeedsShapesOnly = true,
    };

    private static ElementType TypeOf(OperatorCall call, ElementType missing) => call.Attributes.Has("dtype")
        ? (ElementType)call.Attributes.Int("dtype") : missing;

    private static Tensor Fill(OperatorCall call, long[] shape, Func<long, double> value)
    {
        var values = new double[WideTensor.Count(shape)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = value(i);
        }
        return WideTensor.Narrow(call, values, shape, call.Output(0).Type);
    }

    private static Func<long, double> Uniform(OperatorCall call)
    {
        var (low, high, seed) = (call.Attributes.Float("low"), call.Attributes.Float("high", 1), Seed(call));
        return i => low + (high - low) * Number(seed, i);
    }

    /// <summary>By Box and Muller.</summary>
    private static Func<long, double> Normal(OperatorCall call)
    {
        var (mean, scale, seed) = (call.Attributes.Float("mean"), call.Attributes.Float("scale", 1), Seed(call));
        return i => mean + scale * Math.Sqrt(-2 * Math.Log(1 - Number(seed, 2 * i))) *
            Math.Cos(2 * Math.PI * Number(seed, 2 * i + 1));
    }

    private static Tensor[] Bernoulli(OperatorCall call)
    {
        var (chance, seed) = (WideTensor.Of(call, 0), Seed(call));
        return [Fill(call, call.Input(0).Shape, i => Number(seed, i) < chance[i] ? 1 : 0)];
    }

    private static void InferMultinomial(OperatorCall call)
    {
        call.RequireRank(0, 2, 2);
        var type = (ElementType)call.Attributes.Int("dtype", (long)ElementType.Int32);
        call.Set(0, type, [(call.Shape(0) ?? [-1])[0], call.Attributes.Int("sample_size", 1)]);
    }

    /// <summary>Inputs are unnormalized logarithms of the chances.</summary>
    private static Tensor[] Multinomial(OperatorCall call)
    {
        var (x, seed, shape) = (WideTensor.Of(call, 0), Seed(call), call.OutputShape());
        var classes = (int)call.Input(0).Shape[1];
        return [Fill(call, shape, i =>
        {
            var row = x.AsSpan((int)(i / shape[1]) * classes, classes).ToArray();
            var top = row.Max();
            var left = Number(seed, i) * row.Sum(v => Math.Exp(v - top));
            var c = 0;
            while (c < classes - 1 && (left -= Math.Exp(row[c] - top)) >= 0)
            {
                c++;
            }
            return c;
        })];
    }
}
