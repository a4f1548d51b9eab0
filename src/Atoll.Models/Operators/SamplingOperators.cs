namespace Atoll.Models;

/// <summary>GridSample: values of an image or volume at points given in the range -1 to 1, interpolated.</summary>
internal static class SamplingOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("GridSample", InferGrid, Sample) { InputsMin = 2, InputsMax = 2, SinceOpset = 16, IsHeavy = true },
        .. RegionOperators.All,
    ];

    private static void InferGrid(OperatorCall call)
    {
        call.RequireRank(0, 4, 5);
        call.RequireRank(1, 4, 5);
        var rank = (call.Shape(0) ?? call.Shape(1))?.Length ?? 4;
        var (x, grid) = (call.Shape(0) ?? Unknown(rank, -1), call.Shape(1) ?? Unknown(rank, rank - 2));
        if (grid.Length != x.Length || (grid[^1] != rank - 2 && grid[^1] != -1) ||
            (x[0] >= 0 && grid[0] >= 0 && x[0] != grid[0]))
        {
            throw call.Fail(ModelError.InvalidShape, "the grid is not a coordinate per axis for each image's points");
        }
        if (GridSampling.Of(call).Mode == "cubic" && rank != 4)
        {
            throw call.Fail(ModelError.InvalidAttribute, "cubic sampling is of images of two axes");
        }
        call.Set(0, call.Type(0), [x[0], x[1], .. grid[1..^1]]);
    }

    private static long[] Unknown(int rank, long last) => [.. Enumerable.Repeat(-1L, rank - 1), last];

    private static Tensor[] Sample(OperatorCall call)
    {
        var (x, grid, shape) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1), call.Input(0).Shape);
        var sampling = GridSampling.Of(call);
        var output = call.OutputShape();
        var (points, size, axes) = (WideTensor.Count(output[2..]), WideTensor.Count(shape[2..]), shape.Length - 2);
        var strides = StridedWalk.RowMajor(shape[2..]);
        var channels = (int)shape[1];
        var result = new double[WideTensor.Count(output)];
        for (var i = 0; i < output[0] * points; i++)
        {
            // A point's coordinates come in the order x, y, z: the last axis first.
            List<(long Offset, double Weight)> taps = [(0, 1)];
            for (var axis = 0; axis < axes; axis++)
            {
                var along = sampling.Axis(grid[(axes * i) + axes - 1 - axis], (int)shape[2 + axis]);
                taps = [.. taps.SelectMany(t => along.Where(a => a.Index >= 0)
                    .Select(a => (t.Offset + (a.Index * strides[axis]), t.Weight * a.Weight)))];
            }
            for (var c = 0; c < channels; c++)
            {
                var plane = (i / points * channels + c) * size;
                result[(i / points * channels + c) * points + i % points] =
                    taps.Sum(t => t.Weight * x[plane + t.Offset]);
            }
        }
        return [WideTensor.Narrow(call, result, output, call.Type(0))];
    }
}

/// <summary>Attributes of GridSample, and what they say about one axis.</summary>
internal sealed record GridSampling(string Mode, string Padding, bool AlignCorners)
{
    private const double CubicCoefficient = -0.75;

    /// <exception cref="ModelException">A mode is not known.</exception>
    public static GridSampling Of(OperatorCall call)
    {
        var mode = call.Attributes.Text("mode", "bilinear") switch
        {
            "bilinear" or "linear" => "linear",
            "nearest" => "nearest",
            "bicubic" or "cubic" => "cubic",
            var other => throw call.Fail(ModelError.InvalidAttribute, $"mode '{other}' is not known"),
        };
        var padding = call.Attributes.Text("padding_mode", "zeros");
        return padding is "zeros" or "border" or "reflection"
            ? new GridSampling(mode, padding, call.Attributes.Int("align_corners") != 0)
            : throw call.Fail(ModelError.InvalidAttribute, $"padding_mode '{padding}' is not known");
    }

    /// <summary>The elements of an axis that make the value at a coordinate; index -1 is a zero outside.</summary>
    public (int Index, double Weight)[] Axis(double coordinate, int size)
    {
        var x = AlignCorners ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
        x = Mode == "nearest" ? Math.Round(x, MidpointRounding.ToEven) : x;
        var (low, high) = AlignCorners ? (0.0, size - 1.0) : (-0.5, size - 0.5);
        if (x < low || x > high)
        {
            x = Padding == "border" ? Math.Clamp(x, 0, size - 1)
                : Padding == "reflection" ? Reflect(x, low, high)
                : x;
        }
        if (Mode == "nearest")
        {
            return [(Place(x, size), 1)];
        }
        var first = Math.Floor(x);
        var d = x - first;
        return Mode == "linear"
            ? [(Place(first, size), 1 - d), (Place(first + 1, size), d)]
            : [(Place(first - 1, size), Cubic(1 + d)), (Place(first, size), Cubic(d)),
                (Place(first + 1, size), Cubic(1 - d)), (Place(first + 2, size), Cubic(2 - d))];
    }

    private int Place(double x, int size)
    {
        if (x >= 0 && x <= size - 1)
        {
            return (int)x;
        }
        return Padding switch
        {
            "border" => x >= 0 ? size - 1 : 0,
            "reflection" => (int)(AlignCorners ? Reflect(x, 0, size - 1) : Reflect(x, -0.5, size - 0.5)),
            _ => -1,
        };
    }

    private static double Reflect(double x, double low, double high)
    {
        var range = high - low;
        if (!(range > 0) || double.IsInfinity(x) || double.IsNaN(x))
        {
            return Math.Max(low, 0);
        }
        var distance = x < low ? low - x : x > high ? x - high : 0;
        var turns = Math.Floor(distance / range);
        var rest = distance - turns * range;
        return x < low ? turns % 2 == 0 ? low + rest : high - rest
            : x > high ? turns % 2 == 0 ? high - rest : low + rest
            : x;
    }

    private static double Cubic(double d) => d <= 1
        ? ((CubicCoefficient + 2) * d - (CubicCoefficient + 3)) * d * d + 1
        : ((CubicCoefficient * d - 5 * CubicCoefficient) * d + 8 * CubicCoefficient) * d - 4 * CubicCoefficient;
}
