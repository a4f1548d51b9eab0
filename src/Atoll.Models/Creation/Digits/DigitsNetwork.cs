using System.Globalization;

namespace Atoll.Models;

/// <summary>
/// Writes <see cref="DigitClassifier"/> as an ONNX graph: input "input" [batch, 1, 28, 28] as <see cref="DigitImage"/>
/// makes it, output "probabilities" [batch, 10].
/// </summary>
internal static class DigitsNetwork
{
    /// <summary>Returns the share of held-out drawings that the network recognises.</summary>
    public static double Build(
        OnnxModelBuilder model, SampleModelOptions options, IProgress<long>? progress = null)
    {
        var classifier = DigitClassifier.Fit(options.Scale(16), options.Scale(32), options.Seed, progress);
        var features = classifier.Features;
        var x = model.Input("input", ElementType.Float32, options.Batch, 1, DigitImage.Side, DigitImage.Side);
        x = Convolve(model, "conv1", x, features.FirstWeights, (1, features.FirstChannels, DigitFeatures.FirstKernel));
        x = Convolve(model, "conv2", x, features.SecondWeights,
            (features.FirstChannels, features.SecondChannels, DigitFeatures.SecondKernel));
        x = model.Node("Flatten", "flatten", [x], OnnxAttribute.Int("axis", 1));
        ReadOut(model, x, classifier);
        model.OutputLast("probabilities", ElementType.Float32, options.Batch, DigitClassifier.Digits);
        var accuracy = classifier.HeldOutAccuracy.ToString("R", CultureInfo.InvariantCulture);
        model.Metadata("atoll.held_out_accuracy", accuracy);
        return classifier.HeldOutAccuracy;
    }

    private static string Convolve(
        OnnxModelBuilder model, string name, string x, float[] weights, (int Inputs, int Outputs, int Kernel) shape)
    {
        var (inputs, outputs, kernel) = shape;
        var taps = kernel * kernel;
        var ordered = new float[weights.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            var (source, output) = Math.DivRem(i, outputs);
            var (tap, input) = Math.DivRem(source, inputs);
            ordered[(((output * inputs) + input) * taps) + tap] = weights[i];
        }

        var tensor = Tensor.Float([outputs, inputs, kernel, kernel], ordered);
        var pad = kernel / 2;
        var value = model.Node("Conv", name, [x, model.Constant($"{name}.weight", tensor, trained: true)],
            OnnxAttribute.Ints("kernel_shape", kernel, kernel), OnnxAttribute.Ints("pads", pad, pad, pad, pad),
            OnnxAttribute.Ints("strides", 1, 1));
        return model.Node("MaxPool", $"{name}.pool", [model.Node("Relu", $"{name}.relu", [value])],
            OnnxAttribute.Ints("kernel_shape", 2, 2), OnnxAttribute.Ints("strides", 2, 2));
    }

    private static void ReadOut(OnnxModelBuilder model, string x, DigitClassifier classifier)
    {
        var channels = classifier.Features.SecondChannels;
        var count = classifier.Features.Count;
        var places = count / channels;
        var weights = new float[DigitClassifier.Digits * count];
        var biases = new float[DigitClassifier.Digits];
        for (var digit = 0; digit < DigitClassifier.Digits; digit++)
        {
            biases[digit] = classifier.Weight(count, digit);
            for (var i = 0; i < count; i++)
            {
                // Features lie (place, channel) here and (channel, place) in ONNX.
                weights[(digit * count) + (i % channels * places) + (i / channels)] = classifier.Weight(i, digit);
            }
        }

        var weight = model.Constant("fc.weight", Tensor.Float([DigitClassifier.Digits, count], weights), trained: true);
        var bias = model.Constant("fc.bias", Tensor.Float([DigitClassifier.Digits], biases), trained: true);
        var scores = model.Node("Gemm", "fc", [x, weight, bias], OnnxAttribute.Int("transB", 1));
        model.Node("Softmax", "softmax", [scores], OnnxAttribute.Int("axis", 1));
    }
}
