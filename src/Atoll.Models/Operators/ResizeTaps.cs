namespace Atoll.Models;

/// <summary>
/// One resized axis: each output element is a weighted sum of <see cref="PerOutput"/> input elements, or lies outside.
/// </summary>
internal sealed record ResizeTaps(int Input, int Output, int PerOutput, int[] Indices, float[] Weights, bool[] Outside)
{
    public bool IsIdentity => Input == Output && PerOutput == 1 && !Array.Exists(Outside, o => o) &&
        Indices.Select((index, i) => index == i).All(same => same);
}

/// <summary>How the operators Resize and Upsample map output coordinates to input elements.</summary>
internal sealed record ResizeMapping
{
    public string Mode { get; init; } = "nearest";

    public string Coordinates { get; init; } = "half_pixel";

    public string NearestMode { get; init; } = "round_prefer_floor";

    public double CubicCoefficient { get; init; } = -0.75;

    public bool ExcludeOutside { get; init; }

    public bool Antialias { get; init; }

    /// <exception cref="ModelException">A mode is not known.</exception>
    public static ResizeMapping Of(OperatorCall call)
    {
        var attributes = call.Attributes;
        var isOld = call.Opset < 11 || call.Node.Operator == "Upsample";
        return new ResizeMapping
        {
            Mode = attributes.Text("mode", "nearest") is "bilinear" ? "linear" : attributes.Text("mode", "nearest"),
            Coordinates = isOld ? "asymmetric" : attributes.Text("coordinate_transformation_mode", "half_pixel"),
            NearestMode = isOld ? "simple" : attributes.Text("nearest_mode", "round_prefer_floor"),
            CubicCoefficient = attributes.Float("cubic_coeff_a", -0.75f),
            ExcludeOutside = attributes.Int("exclude_outside") != 0,
            Antialias = attributes.Int("antialias") != 0,
        };
    }

    /// <param name="input">Size of the axis.</param>
    /// <param name="output">Size of the resized axis.</param>
    /// <param name="scale">Factor as the node states it.</param>
    /// <param name="region">Start and end of the region to crop, as fractions of the axis.</param>
    public ResizeTaps Axis(int input, int output, double scale, (double Start, double End) region)
    {
        var isLinear = Mode is "linear";
        if (!isLinear && Mode is not ("nearest" or "cubic"))
        {
            throw new ModelException(ModelError.InvalidAttribute, $"resize mode '{Mode}' is not known");
        }
        var shrink = Antialias && Mode != "nearest" ? Math.Min(1, scale) : 1;
        var reach = isLinear ? 1 / shrink : 2 / shrink;
        var taps = Mode == "nearest" ? 1 : shrink < 1 ? 2 * (int)Math.Ceiling(reach) + 1 : isLinear ? 2 : 4;
        var result = new ResizeTaps(input, output, taps, new int[output * taps], new float[output * taps],
            new bool[output]);
        for (var o = 0; o < output; o++)
        {
            var x = Position(o, input, output, scale, region);
            result.Outside[o] = Coordinates == "tf_crop_and_resize" && (x < 0 || x > input - 1);
            if (Mode == "nearest")
            {
                result.Indices[o] = (int)Math.Clamp(Nearest(x, scale), 0, input - 1);
                result.Weights[o] = 1;
                continue;
            }
            var first = shrink < 1 ? (int)Math.Floor(x - reach) + 1 : (int)Math.Floor(x) - (isLinear ? 0 : 1);
            Weigh(result, o, (x, first, shrink));
        }
        return result;
    }

    private void Weigh(ResizeTaps taps, int output, (double X, int First, double Shrink) at)
    {
        var weights = new double[taps.PerOutput];
        for (var k = 0; k < weights.Length; k++)
        {
            var distance = Math.Abs(at.X - (at.First + k)) * at.Shrink;
            weights[k] = Mode == "linear" ? Math.Max(0, 1 - distance) : Cubic(distance);
            var isInside = at.First + k >= 0 && at.First + k < taps.Input;
            // A widened filter sees the border's elements repeated, as a narrow one does.
            weights[k] = isInside || !ExcludeOutside ? weights[k] : 0;
        }
        var sum = ExcludeOutside || at.Shrink < 1 ? weights.Sum() : 1;
        for (var k = 0; k < weights.Length; k++)
        {
            taps.Indices[output * taps.PerOutput + k] = Math.Clamp(at.First + k, 0, taps.Input - 1);
            taps.Weights[output * taps.PerOutput + k] = (float)(sum == 0 ? 0 : weights[k] / sum);
        }
    }

    /// <summary>Keys' cubic convolution kernel.</summary>
    private double Cubic(double d)
    {
        var a = CubicCoefficient;
        return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
            : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            : 0;
    }

    private double Nearest(double x, double scale) => NearestMode switch
    {
        "simple" => scale < 1 ? Math.Ceiling(x) : Math.Floor(x),
        "round_prefer_floor" => Math.Ceiling(x - 0.5),
        "round_prefer_ceil" => Math.Floor(x + 0.5),
        "floor" => Math.Floor(x),
        "ceil" => Math.Ceiling(x),
        _ => throw new ModelException(ModelError.InvalidAttribute, $"nearest_mode '{NearestMode}' is not known"),
    };

    // The float division is part of the standard's arithmetic: exact thirds would round to other neighbours.
    private double Position(int o, int input, int output, double scale, (double Start, double End) region) =>
        Coordinates switch
        {
            "half_pixel" => (o + 0.5f) / (float)scale - 0.5f,
            "half_pixel_symmetric" => input / 2.0 * (1 - output / (scale * input)) + (o + 0.5) / scale - 0.5,
            "pytorch_half_pixel" => output > 1 ? (o + 0.5f) / (float)scale - 0.5f : 0,
            // The resized length is the product as it is, not rounded down.
            "align_corners" => output == 1 ? 0 : o * (input - 1) / (scale * input - 1),
            "asymmetric" => o / (float)scale,
            "tf_half_pixel_for_nn" => (o + 0.5f) / (float)scale,
            "tf_crop_and_resize" => output > 1
                ? region.Start * (input - 1) + o * (region.End - region.Start) * (input - 1) / (output - 1)
                : 0.5 * (region.Start + region.End) * (input - 1),
            _ => throw new ModelException(ModelError.InvalidAttribute,
                $"coordinate_transformation_mode '{Coordinates}' is not known"),
        };
}
