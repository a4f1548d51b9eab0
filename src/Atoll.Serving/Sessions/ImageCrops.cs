using System.Runtime.InteropServices;

namespace Atoll.Serving;

/// <summary>
/// Cuts what a detector found out of its images: boxes [images, K, 4] or [K, 4] of x1, y1, x2, y2 become rows of
/// [crops, C, H, W], scaled bilinearly with pixel centres at half coordinates, edges repeated. Images are
/// [images, C, height, width] of 32-bit floats.
/// </summary>
internal static class ImageCrops
{
    /// <summary>Beyond so many crops of one request a detector is broken.</summary>
    public const int Most = 1024;

    /// <summary>Crops in the order of the boxes; boxes without area and those of too low a score are left out.
    /// </summary>
    /// <param name="image">The images.</param>
    /// <param name="boxes">In pixels of the image, or in parts of its size.</param>
    /// <param name="scores">One for each box; null: all are taken.</param>
    /// <param name="crop">How boxes are read.</param>
    /// <param name="size">Height and width of each crop.</param>
    /// <exception cref="ServingException">The tensors do not fit each other, or there are too many crops.</exception>
    public static InputTensor Cut(
        InputTensor image, InputTensor boxes, InputTensor? scores, PipelineCrop crop, (int Height, int Width) size)
    {
        var (images, channels) = ((int)image.Shape[0], (int)image.Shape[1]);
        var (height, width) = ((int)image.Shape[2], (int)image.Shape[3]);
        var corners = MemoryMarshal.Cast<byte, float>(boxes.Data.Span);
        var certain = scores is { } given ? MemoryMarshal.Cast<byte, float>(given.Data.Span) : [];
        var count = corners.Length / 4;
        if (height == 0 || width == 0 || images == 0 || count % images != 0 ||
            (scores is not null && certain.Length != count))
        {
            throw new ServingException(ServingError.InvalidPlan,
                $"{count} boxes and {certain.Length} scores do not belong to {images} images of {height}x{width}");
        }

        var taken = new List<int>();
        for (var box = 0; box < count; box++)
        {
            if ((scores is null || certain[box] >= crop.AtLeast) && HasArea(corners.Slice(4 * box, 4)))
            {
                taken.Add(box);
            }
        }

        if (taken.Count > Most)
        {
            throw new ServingException(ServingError.InvalidPlan,
                $"there are {taken.Count} crops; at most {Most} are cut of one request (setting at_least of the " +
                    $"query)");
        }

        var pixels = MemoryMarshal.Cast<byte, float>(image.Data.Span);
        var plane = height * width;
        var cut = new byte[checked(taken.Count * channels * size.Height * size.Width * sizeof(float))];
        var to = MemoryMarshal.Cast<byte, float>(cut.AsSpan());
        foreach (var box in taken)
        {
            var of = box / (count / images);
            var corner = corners.Slice(4 * box, 4);
            var (x, y) = crop.IsRelative ? (width, height) : (1, 1);
            for (var channel = 0; channel < channels; channel++)
            {
                Scale(
                    pixels.Slice(((of * channels) + channel) * plane, plane), (height, width),
                    (corner[0] * x, corner[1] * y, corner[2] * x, corner[3] * y), to, size);
                to = to[(size.Height * size.Width)..];
            }
        }

        return new InputTensor([taken.Count, channels, size.Height, size.Width], cut);
    }

    /// <summary>Numbers that are none have no area either.</summary>
    private static bool HasArea(ReadOnlySpan<float> corner) =>
        corner[2] - corner[0] > 0 && corner[3] - corner[1] > 0 && float.IsFinite(corner[0] + corner[1]) &&
        float.IsFinite(corner[2] + corner[3]);

    private static void Scale(
        ReadOnlySpan<float> plane, (int Height, int Width) of, (float X1, float Y1, float X2, float Y2) box,
        Span<float> to, (int Height, int Width) size)
    {
        for (var row = 0; row < size.Height; row++)
        {
            var y = Place(box.Y1, box.Y2, row, size.Height, of.Height);
            var (top, bottom) = ((int)y * of.Width, Math.Min((int)y + 1, of.Height - 1) * of.Width);
            var down = y - (int)y;
            for (var column = 0; column < size.Width; column++)
            {
                var x = Place(box.X1, box.X2, column, size.Width, of.Width);
                var (left, right) = ((int)x, Math.Min((int)x + 1, of.Width - 1));
                var aside = x - left;
                var above = plane[top + left] + (aside * (plane[top + right] - plane[top + left]));
                var below = plane[bottom + left] + (aside * (plane[bottom + right] - plane[bottom + left]));
                to[(row * size.Width) + column] = above + (down * (below - above));
            }
        }
    }

    /// <summary>Where in the image a pixel of the crop lies.</summary>
    private static float Place(float from, float until, int pixel, int pixels, int most) =>
        Math.Clamp(from + ((pixel + 0.5f) * (until - from) / pixels) - 0.5f, 0, most - 1);
}
