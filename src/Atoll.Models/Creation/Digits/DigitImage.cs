namespace Atoll.Models;

/// <summary>
/// Turns a drawing into the input of the <c>digits</c> model, as the MNIST data set was made: the ink's bounding box is
/// scaled so that its longer side takes 20 pixels, and the ink's centre of mass is put at the centre of 28x28. Each
/// pixel is the mean of the square of the drawing that it covers, with parts of pixels counted in part. A page that
/// draws can do the same in a few lines: step = max(box width, box height) / 20, then pixel (i, j) covers x from cx +
/// (j - 14) * step, y from cy + (i - 14) * step.
/// </summary>
public static class DigitImage
{
    /// <summary>Height and width of the model's input.</summary>
    public const int Side = 28;

    /// <summary>Pixels of the longer side of the ink's bounding box.</summary>
    public const float Box = 20;

    private const float InkMin = 0.1f;

    /// <summary>
    /// Row-major ink, 0 (blank) to 1 (full), to 28x28 pixels of the same kind; a blank drawing stays blank.
    /// </summary>
    /// <exception cref="ArgumentException">A length does not fit the sizes.</exception>
    public static void FromDrawing(ReadOnlySpan<float> ink, int width, int height, Span<float> image) =>
        FromDrawing(ink, (width, height), image, Box, shift: (0, 0));

    /// <param name="box">Pixels of the longer side.</param>
    /// <param name="shift">Pixels by which the ink is put right of and below the centre.</param>
    internal static void FromDrawing(
        ReadOnlySpan<float> ink, (int Width, int Height) size, Span<float> image, float box, (float X, float Y) shift)
    {
        if (size.Width <= 0 || size.Height <= 0 || ink.Length != (long)size.Width * size.Height ||
            image.Length != Side * Side)
        {
            throw new ArgumentException(
                $"{ink.Length} values for a drawing of {size.Width}x{size.Height}, {image.Length} for {Side}x{Side}");
        }

        image.Clear();
        if (Measure(ink, size.Width) is not { } extent)
        {
            return;
        }

        var step = extent.Longer / box;
        Span<float> row = stackalloc float[Side];
        for (var i = 0; i < Side; i++)
        {
            var top = extent.CentreY + ((i - (Side / 2) - shift.Y) * step);
            for (var j = 0; j < Side; j++)
            {
                var left = extent.CentreX + ((j - (Side / 2) - shift.X) * step);
                row[j] = MeanOver(ink, size, (left, top, step));
            }

            row.CopyTo(image[(i * Side)..]);
        }
    }

    private static Extent? Measure(ReadOnlySpan<float> ink, int width)
    {
        var (left, right, top, bottom) = (int.MaxValue, -1, int.MaxValue, -1);
        var (mass, momentX, momentY) = (0.0, 0.0, 0.0);
        for (var p = 0; p < ink.Length; p++)
        {
            // Written so that NaN counts as blank.
            if (!(ink[p] >= InkMin))
            {
                continue;
            }

            var (y, x) = Math.DivRem(p, width);
            (left, right) = (Math.Min(left, x), Math.Max(right, x));
            (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y));
            mass += ink[p];
            momentX += ink[p] * (x + 0.5);
            momentY += ink[p] * (y + 0.5);
        }

        return right < 0 ? null : new Extent(
            Math.Max(right - left, bottom - top) + 1, (float)(momentX / mass), (float)(momentY / mass));
    }

    private static float MeanOver(
        ReadOnlySpan<float> ink, (int Width, int Height) size, (float Left, float Top, float Step) square)
    {
        var right = square.Left + square.Step;
        var bottom = square.Top + square.Step;
        var sum = 0f;
        for (var y = Math.Max(0, (int)MathF.Floor(square.Top)); y < Math.Min(size.Height, bottom); y++)
        {
            var part = Math.Min(bottom, y + 1) - Math.Max(square.Top, y);
            for (var x = Math.Max(0, (int)MathF.Floor(square.Left)); x < Math.Min(size.Width, right); x++)
            {
                sum += ink[(y * size.Width) + x] * part * (Math.Min(right, x + 1) - Math.Max(square.Left, x));
            }
        }

        return sum / (square.Step * square.Step);
    }

    private readonly record struct Extent(int Longer, float CentreX, float CentreY);
}
