namespace Atoll.Models;

/// <summary>
/// RoiAlign's samples of one plane: bins of a region, each the average or maximum of bilinear samples.
/// </summary>
internal sealed record RegionAlignment(int Height, int Width, int Rows, int Columns, int Samples, double Scale)
{
    private bool IsHalfPixel { get; init; }

    private bool IsMaximum { get; init; }

    public static RegionAlignment Of(OperatorCall call, long[] shape) => new((int)shape[2], (int)shape[3],
        (int)call.Attributes.Int("output_height", 1), (int)call.Attributes.Int("output_width", 1),
        (int)call.Attributes.Int("sampling_ratio"), call.Attributes.Float("spatial_scale", 1))
    {
        IsHalfPixel = call.Opset >= 16 &&
            call.Attributes.Text("coordinate_transformation_mode", "half_pixel") == "half_pixel",
        IsMaximum = call.Attributes.Text("mode", "avg") == "max",
    };

    /// <param name="plane">Row-major values of one channel.</param>
    /// <param name="region">x1, y1, x2, y2 before scaling.</param>
    /// <param name="row">Row of the output.</param>
    /// <param name="column">Column of the output.</param>
    public double Value(ReadOnlySpan<double> plane, ReadOnlySpan<double> region, int row, int column)
    {
        var offset = IsHalfPixel ? 0.5 : 0;
        var (left, top) = (region[0] * Scale - offset, region[1] * Scale - offset);
        var (width, height) = (region[2] * Scale - offset - left, region[3] * Scale - offset - top);
        (width, height) = IsHalfPixel ? (width, height) : (Math.Max(width, 1), Math.Max(height, 1));
        var (binWidth, binHeight) = (width / Columns, height / Rows);
        var across = Samples > 0 ? Samples : (int)Math.Ceiling(binWidth);
        var down = Samples > 0 ? Samples : (int)Math.Ceiling(binHeight);
        var (sum, best) = (0.0, across * down > 0 ? double.NegativeInfinity : 0);
        for (var i = 0; i < across * down; i++)
        {
            var y = top + row * binHeight + (i / across + 0.5) * binHeight / down;
            var x = left + column * binWidth + (i % across + 0.5) * binWidth / across;
            var (value, largest) = Sample(plane, y, x);
            (sum, best) = (sum + value, Math.Max(best, largest));
        }
        return IsMaximum ? best : sum / Math.Max(1, across * down);
    }

    // The interpolated value, and the largest of its four weighted parts, which the maximum takes.
    private (double Value, double Largest) Sample(ReadOnlySpan<double> plane, double y, double x)
    {
        if (y < -1 || y > Height || x < -1 || x > Width)
        {
            return (0, 0);
        }
        var (top, bottom, dy) = Neighbours(y, Height);
        var (left, right, dx) = Neighbours(x, Width);
        var a = (1 - dy) * (1 - dx) * plane[top * Width + left];
        var b = (1 - dy) * dx * plane[top * Width + right];
        var c = dy * (1 - dx) * plane[bottom * Width + left];
        var d = dy * dx * plane[bottom * Width + right];
        return (a + b + c + d, Math.Max(Math.Max(a, b), Math.Max(c, d)));
    }

    private static (int Low, int High, double Fraction) Neighbours(double at, int size)
    {
        at = Math.Max(at, 0);
        var low = (int)at;
        return low >= size - 1 ? (size - 1, size - 1, 0) : (low, low + 1, at - low);
    }
}

/// <summary>Keeps, per image and class, boxes in order of their score that overlap no better one too much.</summary>
internal static class BoxSuppression
{
    public static Tensor[] Evaluate(OperatorCall call)
    {
        var (boxes, scores, shape) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1), call.Input(1).Shape);
        var most = (long)WideTensor.Scalar(call, 2, 0);
        var (overlap, least) = (WideTensor.Scalar(call, 3, 0), WideTensor.Scalar(call, 4, double.NegativeInfinity));
        var count = (int)shape[2];
        var kept = new List<long>();
        for (var row = 0; row < shape[0] * shape[1]; row++)
        {
            var image = row / (int)shape[1];
            var own = boxes.AsSpan(image * count * 4, count * 4).ToArray();
            var order = Enumerable.Range(0, count).Where(i => scores[row * count + i] > least)
                .OrderByDescending(i => scores[row * count + i]);
            var chosen = new List<double[]>();
            foreach (var i in order.TakeWhile(_ => chosen.Count < most))
            {
                var box = Corners(own.AsSpan(i * 4, 4), call.Attributes.Int("center_point_box") != 0);
                if (chosen.TrueForAll(other => Overlap(box, other) <= overlap))
                {
                    chosen.Add(box);
                    kept.AddRange([image, row % (int)shape[1], i]);
                }
            }
        }
        return [Tensor.Int64([kept.Count / 3, 3], kept.ToArray())];
    }

    private static double[] Corners(ReadOnlySpan<double> box, bool isCentre) => isCentre
        ? [box[1] - box[3] / 2, box[0] - box[2] / 2, box[1] + box[3] / 2, box[0] + box[2] / 2]
        : [Math.Min(box[0], box[2]), Math.Min(box[1], box[3]), Math.Max(box[0], box[2]), Math.Max(box[1], box[3])];

    private static double Overlap(double[] a, double[] b)
    {
        var height = Math.Min(a[2], b[2]) - Math.Max(a[0], b[0]);
        var width = Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]);
        var common = Math.Max(height, 0) * Math.Max(width, 0);
        var union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
        return union > 0 ? common / union : 0;
    }
}
