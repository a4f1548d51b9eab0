namespace Atoll.Models;

/// <summary>
/// Discrete Fourier transforms, window functions and the mel filter bank, computed as they are defined.
/// </summary>
internal static class SignalOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("DFT", InferTransform, Transform) { InputsMax = 3, SinceOpset = 17, IsHeavy = true },
        new("STFT", InferShortTime, ShortTime) { InputsMin = 2, InputsMax = 4, SinceOpset = 17, IsHeavy = true },
        Window("HannWindow", [0.5, 0.5]), Window("HammingWindow", [25.0 / 46, 21.0 / 46]),
        Window("BlackmanWindow", [0.42, 0.5, 0.08]),
        new("MelWeightMatrix", InferMel, Mel) { InputsMin = 5, InputsMax = 5, SinceOpset = 17 },
    ];

    private static ElementType Type(OperatorCall call) => (ElementType)call.Attributes.Int("output_datatype", 1);

    /// <summary>Alternating cosines of the multiples of the angle.</summary>
    private static OperatorDefinition Window(string name, double[] terms) => new(name,
        call => call.Set(0, Type(call), [call.Constant(0) is null ? -1 : call.IntsOf(0)[0]]), call =>
        {
            var values = new double[call.IntsOf(0)[0]];
            var period = call.Attributes.Int("periodic", 1) != 0 ? values.Length : values.Length - 1;
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = terms.Select((t, k) => (k % 2 == 0 ? t : -t) * Math.Cos(2 * Math.PI * k * i / period))
                    .Sum();
            }
            return [WideTensor.Narrow(call, values, [values.Length], Type(call))];
        })
    {
        SinceOpset = 17,
    };

    private static int Axis(OperatorCall call, int rank) => call.Axis(call.Opset >= 20
        ? call.Has(2) ? call.IntsOf(2)[0] : -2
        : call.Attributes.Int("axis", 1), rank);

    private static void InferTransform(OperatorCall call)
    {
        var known = (!call.Has(1) || call.Constant(1) is not null) && (!call.Has(2) || call.Constant(2) is not null);
        if (call.Shape(0) is not { } shape || !known)
        {
            call.Set(0, call.Type(0), call.Shape(0) is { } s ? Array.ConvertAll(s, _ => -1L) : null);
            return;
        }
        var axis = Axis(call, shape.Length);
        long[] result = [.. shape[..^1], 2];
        result[axis] = call.Has(1) ? call.IntsOf(1)[0] : shape[axis];
        result[axis] = call.Attributes.Int("onesided") != 0 && result[axis] >= 0 ? result[axis] / 2 + 1 : result[axis];
        call.Set(0, call.Type(0), result);
    }

    private static Tensor[] Transform(OperatorCall call)
    {
        var (x, shape, output) = (WideTensor.Of(call, 0), call.Input(0).Shape, call.OutputShape());
        var axis = Axis(call, shape.Length);
        var (parts, inverse) = ((int)shape[^1], call.Attributes.Int("inverse") != 0);
        var (outer, length, inner) = SortingOperators.Extent(shape[..^1], axis);
        var size = call.Has(1) ? (int)call.IntsOf(1)[0] : length;
        var bins = (int)output[axis];
        var result = new double[WideTensor.Count(output)];
        var row = new double[2 * size];
        for (var r = 0; r < outer * inner; r++)
        {
            Array.Clear(row);
            for (var t = 0; t < Math.Min(size, length); t++)
            {
                var from = ((r / inner * length + t) * inner + r % inner) * parts;
                (row[2 * t], row[2 * t + 1]) = (x[from], parts == 2 ? x[from + 1] : 0);
            }
            for (var k = 0; k < bins; k++)
            {
                var to = ((r / inner * bins + k) * inner + r % inner) * 2;
                (result[to], result[to + 1]) = Bin(row, k, inverse);
            }
        }
        return [WideTensor.Narrow(call, result, output, call.Type(0))];
    }

    private static (double Real, double Imaginary) Bin(double[] row, int k, bool inverse)
    {
        var size = row.Length / 2;
        var (real, imaginary) = (0.0, 0.0);
        for (var t = 0; t < size; t++)
        {
            var (sin, cos) = Math.SinCos((inverse ? 2 : -2) * Math.PI * ((long)k * t % size) / size);
            real += row[2 * t] * cos - row[2 * t + 1] * sin;
            imaginary += row[2 * t] * sin + row[2 * t + 1] * cos;
        }
        return inverse ? (real / size, imaginary / size) : (real, imaginary);
    }

    private static long FrameLength(OperatorCall call) => call.Has(3) ? call.IntsOf(3)[0]
        : call.Shape(2) is [var length] ? length
        : throw call.Fail(ModelError.MissingTensor, "neither a window nor a frame length is given");

    private static void InferShortTime(OperatorCall call)
    {
        call.RequireRank(0, 3, 3);
        var known = call.Constant(1) is not null && (!call.Has(3) || call.Constant(3) is not null);
        if (call.Shape(0) is not { } shape || !known || shape[1] < 0)
        {
            call.Set(0, call.Type(0), [-1, -1, -1, 2]);
            return;
        }
        var (length, step) = (FrameLength(call), call.IntsOf(1)[0]);
        if (step < 1 || length < 1 || length > shape[1])
        {
            throw call.Fail(ModelError.InvalidShape, $"frames of {length} by {step} do not fit {shape[1]} samples");
        }
        call.Set(0, call.Type(0), [shape[0], (shape[1] - length) / step + 1,
            call.Attributes.Int("onesided", 1) != 0 ? length / 2 + 1 : length, 2]);
    }

    private static Tensor[] ShortTime(OperatorCall call)
    {
        var (x, shape, output) = (WideTensor.Of(call, 0), call.Input(0).Shape, call.OutputShape());
        var (length, step, parts) = ((int)FrameLength(call), (int)call.IntsOf(1)[0], (int)shape[2]);
        var window = call.Has(2) ? WideTensor.Of(call, 2) : [.. Enumerable.Repeat(1.0, length)];
        var result = new double[WideTensor.Count(output)];
        var row = new double[2 * length];
        for (var frame = 0; frame < output[0] * output[1]; frame++)
        {
            var start = frame / (int)output[1] * (int)shape[1] + frame % (int)output[1] * step;
            for (var t = 0; t < length; t++)
            {
                // A window shorter than the frame lies in its middle.
                var w = t - (length - window.Length) / 2;
                var factor = w >= 0 && w < window.Length ? window[w] : 0;
                row[2 * t] = x[(start + t) * parts] * factor;
                row[2 * t + 1] = parts == 2 ? x[(start + t) * parts + 1] * factor : 0;
            }
            for (var k = 0; k < output[2]; k++)
            {
                var to = (frame * (int)output[2] + k) * 2;
                (result[to], result[to + 1]) = Bin(row, k, inverse: false);
            }
        }
        return [WideTensor.Narrow(call, result, output, call.Type(0))];
    }

    private static void InferMel(OperatorCall call) => call.Set(0, Type(call), [
        call.Constant(1) is null ? -1 : call.IntsOf(1)[0] / 2 + 1, call.Constant(0) is null ? -1 : call.IntsOf(0)[0]]);

    /// <summary>Triangles between edges that are equally spaced in mel = 2595 log10(1 + f / 700).</summary>
    private static Tensor[] Mel(OperatorCall call)
    {
        var (count, size, rate) = (call.IntsOf(0)[0], call.IntsOf(1)[0], call.IntsOf(2)[0]);
        var bands = (int)count;
        var (low, high) = (ToMel(WideTensor.Of(call, 3)[0]), ToMel(WideTensor.Of(call, 4)[0]));
        var edges = new int[bands + 2];
        for (var i = 0; i < edges.Length; i++)
        {
            var frequency = 700 * (Math.Pow(10, (low + (high - low) / (bands + 2) * i) / 2595) - 1);
            edges[i] = (int)Math.Floor((size + 1) * frequency / rate);
        }
        var output = call.OutputShape();
        var result = new double[output[0] * bands];
        for (var band = 0; band < bands; band++)
        {
            var (start, centre, end) = (edges[band], edges[band + 1], edges[band + 2]);
            for (var bin = start; bin < Math.Min(Math.Max(end, centre + 1), output[0]); bin++)
            {
                result[bin * bands + band] = bin == centre ? 1
                    : bin < centre ? (double)(bin - start) / (centre - start)
                    : (double)(end - bin) / (end - centre);
            }
        }
        return [WideTensor.Narrow(call, result, output, Type(call))];
    }

    private static double ToMel(double frequency) => 2595 * Math.Log10(1 + frequency / 700);
}
