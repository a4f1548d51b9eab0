namespace Atoll.Models;

/// <summary>
/// The <c>digits</c> network: fixed features and a read-out that is fitted on drawn digits. Scores are scaled so that
/// their softmax is a fair probability on digits that the fit has not seen.
/// </summary>
internal sealed class DigitClassifier
{
    public const int Digits = 10;

    private const int TrainingSamples = 10_000;
    private const int HeldOutSamples = 2_000;
    private const double Penalty = 1e-3;

    private static readonly float[] Sharpnesses = [1, 1.5f, 2, 3, 4, 5, 6, 8, 10];

    private readonly float[,] _weights;

    private DigitClassifier(DigitFeatures features, float[,] weights)
    {
        Features = features;
        _weights = weights;
    }

    public DigitFeatures Features { get; }

    /// <summary>Share of held-out drawings whose best score is the right digit's.</summary>
    public double HeldOutAccuracy { get; private set; }

    /// <summary>Factor on the scores before the softmax.</summary>
    public float Sharpness { get; private set; } = 1;

    /// <summary>Draws, fits and measures; the same seed gives the same classifier.</summary>
    /// <param name="progress">Gets a 0 now and then, so that it can stop the fit by throwing.</param>
    public static DigitClassifier Fit(
        int firstChannels, int secondChannels, int seed, IProgress<long>? progress = null)
    {
        var features = new DigitFeatures(firstChannels, secondChannels, seed);
        var regression = new RidgeRegression(features.Count + 1, Digits);
        foreach (var (values, digit) in Draw(features, seed, 0, TrainingSamples))
        {
            regression.Add(values, digit);
            if (digit == 0)
            {
                progress?.Report(0);
            }
        }

        var classifier = new DigitClassifier(features, regression.Solve(Penalty));
        classifier.Measure(seed);
        return classifier;
    }

    /// <summary>Weight of a feature (or, past the last, the bias) for a digit, sharpness included.</summary>
    public float Weight(int feature, int digit) => _weights[feature, digit] * Sharpness;

    /// <summary>Scores of the ten digits for features with a trailing one, before sharpening.</summary>
    public double[] Score(ReadOnlySpan<float> values)
    {
        var scores = new double[Digits];
        for (var i = 0; i < values.Length; i++)
        {
            for (var digit = 0; digit < Digits; digit++)
            {
                scores[digit] += values[i] * _weights[i, digit];
            }
        }

        return scores;
    }

    /// <summary>Successive samples share one buffer of features with a trailing one.</summary>
    private static IEnumerable<(float[] Values, int Digit)> Draw(DigitFeatures features, int seed, int first, int count)
    {
        var renderer = new DigitRenderer();
        var image = new float[DigitImage.Side * DigitImage.Side];
        var values = new float[features.Count + 1];
        values[^1] = 1;
        for (var index = first; index < first + count; index++)
        {
            var random = new Random(unchecked((seed * 1_000_003) + index));
            var digit = index % Digits;
            renderer.Draw(digit, random, image);
            features.Compute(image, values.AsSpan(0, features.Count));
            yield return (values, digit);
        }
    }

    private void Measure(int seed)
    {
        var right = 0;
        var losses = new double[Sharpnesses.Length];
        foreach (var (values, digit) in Draw(Features, seed, TrainingSamples, HeldOutSamples))
        {
            var scores = Score(values);
            right += Array.IndexOf(scores, scores.Max()) == digit ? 1 : 0;
            for (var i = 0; i < losses.Length; i++)
            {
                var sharpness = Sharpnesses[i];
                losses[i] += Math.Log(scores.Sum(s => Math.Exp(sharpness * (s - scores[digit]))));
            }
        }

        HeldOutAccuracy = right / (double)HeldOutSamples;
        Sharpness = Sharpnesses[Array.IndexOf(losses, losses.Min())];
    }
}
