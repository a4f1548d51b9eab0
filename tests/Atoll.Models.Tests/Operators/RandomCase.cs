namespace Atoll.Models.Tests;

/// <summary>Cases whose outputs are random: held to their distribution instead of to the recorded numbers.</summary>
internal static class RandomCase
{
    private const double Deviations = 4;

    /// <summary>False when the case is not a random one and is to be compared exactly.</summary>
    public static bool TryCheck(string name, Tensor[] inputs, Tensor[] expected, Tensor[] outputs)
    {
        var isBernoulli = name.Contains("test_bernoulli", StringComparison.Ordinal);
        if (!isBernoulli && (!name.Contains("test_training_dropout", StringComparison.Ordinal) ||
            name.Contains("zero_ratio", StringComparison.Ordinal)))
        {
            return false;
        }
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal((expected[i].Type, string.Join(',', expected[i].Shape)),
                (outputs[i].Type, string.Join(',', outputs[i].Shape)));
        }
        if (isBernoulli)
        {
            CheckBernoulli(Numbers(inputs[0]), Numbers(outputs[0]));
        }
        else
        {
            CheckDropout(Numbers(inputs[0]), inputs.Length > 1 ? Numbers(inputs[1])[0] : 0.5, outputs);
        }
        return true;
    }

    private static void CheckBernoulli(double[] chances, double[] drawn)
    {
        Assert.All(drawn, v => Assert.True(v is 0 or 1, $"{v} is neither 0 nor 1"));
        for (var i = 0; i < drawn.Length; i++)
        {
            Assert.True(chances[i] is > 0 and < 1 || drawn[i] == chances[i], "a certain outcome did not occur");
        }
        Within(chances.Sum(), Math.Sqrt(chances.Sum(p => p * (1 - p))), drawn.Sum());
    }

    // What is kept is scaled up; the mask, where asked for, says which.
    private static void CheckDropout(double[] x, double ratio, Tensor[] outputs)
    {
        var y = Numbers(outputs[0]);
        for (var i = 0; i < x.Length; i++)
        {
            var isKept = y[i] != 0;
            Assert.Equal(isKept ? x[i] / (1 - ratio) : 0, y[i], 1e-5);
            Assert.True(outputs.Length < 2 || (outputs[1].Data[i] != 0) == isKept, $"the mask is wrong at {i}");
        }
        Within(x.Length * (1 - ratio), Math.Sqrt(x.Length * ratio * (1 - ratio)), y.Count(v => v != 0));
    }

    private static void Within(double mean, double deviation, double actual) =>
        Assert.True(Math.Abs(actual - mean) <= Deviations * deviation + 1e-9,
            $"{actual} occurred, {mean} ± {Deviations * deviation} expected");

    private static double[] Numbers(Tensor tensor) => tensor.Type == ElementType.Float64
        ? tensor.AsSpan<double>().ToArray()
        : Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (double)v);
}
