using System.Runtime.InteropServices;

namespace Atoll.Serving.Tests;

public sealed class ImageCropsTests
{
    private static readonly PipelineCrop Pixels =
        new(new PipelineTensor("x", null, "boxes"), null, AtLeast: 0, IsRelative: false);

    /// <summary>4 columns and 2 rows; every element is ten times its row plus its column.</summary>
    private static readonly float[] Plane = [0, 1, 2, 3, 10, 11, 12, 13];

    [Fact]
    public void A_box_of_the_size_of_the_crop_is_copied()
    {
        Assert.Equal([1, 2, 11, 12], Cut(Plane, [1, 0, 3, 2], (2, 2)));
        Assert.Equal(Plane, Cut(Plane, [0, 0, 4, 2], (2, 4)));
    }

    [Fact]
    public void Crops_are_scaled_between_pixel_centres_and_repeat_the_edges()
    {
        // Four columns from two: centres at -0.25, 0.25, 0.75 and 1.25.
        Assert.Equal([0, 0.25f, 0.75f, 1.25f], Cut(Plane, [0, 0, 2, 1], (1, 4)));

        // One pixel from all of it: the middle.
        Assert.Equal([6.5f], Cut(Plane, [0, 0, 4, 2], (1, 1)));

        // Beyond the image there is only its edge.
        Assert.Equal([3, 3], Cut(Plane, [6, -3, 8, -2], (1, 2)));
    }

    [Fact]
    public void Corners_may_be_parts_of_the_image()
    {
        Assert.Equal([2, 3, 12, 13], Cut(Plane, [0.5f, 0, 1, 1], (2, 2), Pixels with { IsRelative = true }));
    }

    [Fact]
    public void Every_image_has_its_own_boxes_and_all_channels_are_cut()
    {
        float[] images = [.. Plane, .. Plane.Select(x => -x), .. Plane.Select(x => x + 100), .. Plane];
        var boxes = Tensor([2, 1, 4], [0, 0, 1, 1, 3, 1, 4, 2]);

        var crops = ImageCrops.Cut(Tensor([2, 2, 2, 4], images), boxes, null, Pixels, (1, 1));

        Assert.Equal([2, 2, 1, 1], crops.Shape);
        Assert.Equal([0, 0, 113, 13], Floats(crops));
    }

    [Fact]
    public void Boxes_of_low_score_or_without_area_are_left_out()
    {
        var boxes = Tensor([4, 4], [0, 0, 1, 1, 1, 0, 2, 1, 2, 0, 2, 1, float.NaN, 0, 1, 1]);
        var scores = Tensor([4], [0.4f, 0.5f, 0.9f, 0.9f]);

        var crops = ImageCrops.Cut(
            Tensor([1, 1, 2, 4], Plane), boxes, scores, Pixels with { AtLeast = 0.5 }, (1, 1));

        Assert.Equal([1], Floats(crops));
    }

    [Fact]
    public void Boxes_that_belong_to_no_image_and_too_many_crops_are_told()
    {
        var two = Tensor([2, 1, 2, 4], [.. Plane, .. Plane]);
        var many = Tensor([1025, 4], [.. Enumerable.Repeat(new float[] { 0, 0, 1, 1 }, 1025).SelectMany(box => box)]);

        var odd = Assert.Throws<ServingException>(
            () => ImageCrops.Cut(two, Tensor([1, 4], [0, 0, 1, 1]), null, Pixels, (1, 1)));
        var over = Assert.Throws<ServingException>(
            () => ImageCrops.Cut(Tensor([1, 1, 2, 4], Plane), many, null, Pixels, (1, 1)));

        var empty = Assert.Throws<ServingException>(
            () => ImageCrops.Cut(Tensor([1, 1, 0, 4], []), Tensor([1, 4], [0, 0, 1, 1]), null, Pixels, (1, 1)));

        Assert.Contains("1 boxes and 0 scores do not belong to 2 images of 2x4", odd.Message);
        Assert.Contains("of 0x4", empty.Message);
        Assert.Contains("1025 crops; at most 1024", over.Message);
    }

    private static float[] Cut(float[] plane, float[] box, (int, int) size, PipelineCrop? crop = null) => Floats(
        ImageCrops.Cut(Tensor([1, 1, 2, 4], plane), Tensor([1, 4], box), null, crop ?? Pixels, size));

    private static InputTensor Tensor(long[] shape, float[] values) =>
        new(shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static float[] Floats(InputTensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.Data.Span).ToArray();
}
