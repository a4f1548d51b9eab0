namespace Atoll.Models;

/// <summary>Values (N, C, spatial…) as the images (N, H, W, C) that the kernels read and write.</summary>
internal static class ImageViews
{
    /// <summary>Channels lie side by side, at any pixel, row and image pitch.</summary>
    public static bool HasDenseChannels(TensorView view) => view.Rank >= 3 &&
        (view.Strides[1] == 1 || view.Shape[1] == 1);

    /// <summary>The value itself, or a channels-last copy.</summary>
    public static TensorView Image(this LoweringContext context, string name, TensorView view) =>
        context.Densify(name, view, MemoryOrder.ChannelsLast, HasDenseChannels);

    /// <summary>(N, H, W, C) of (N, C, H, W) or of (N, C, W).</summary>
    public static TensorView Pixels(TensorView view)
    {
        var plane = view.Rank == 3 ? view.Insert(2) : view;
        return plane.Permute([0, 2, 3, 1]);
    }

    /// <summary>One axis of size 1 more.</summary>
    private static TensorView Insert(this TensorView view, int axis) => new(view.Storage, view.Offset, view.Type,
        [.. view.Shape[..axis], 1, .. view.Shape[axis..]],
        [.. view.Strides[..axis], 1, .. view.Strides[axis..]]);
}
