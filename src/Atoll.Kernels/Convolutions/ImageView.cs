namespace Atoll.Kernels;

/// <summary>An [N, H, W, C] float view with contiguous channels, as addresses; pitches in elements.</summary>
internal unsafe struct ImageView
{
    public float* Start;
    public long ImagePitch, RowPitch, PixelPitch;
    public int Images, Height, Width, Channels;

    /// <summary>Bytes of all pixels without what lies between them.</summary>
    public readonly long Bytes => (long)Images * Height * Width * Channels * sizeof(float);

    /// <summary>Whether all pixels of all images are one line of equal steps.</summary>
    public readonly bool IsLine =>
        (Height == 1 || RowPitch == PixelPitch * Width) && (Images == 1 || ImagePitch == PixelPitch * Width * Height);

    public static ImageView Of(TensorRef view) => new()
    {
        Start = (float*)view.Pointer,
        ImagePitch = view.Strides[0], RowPitch = view.Strides[1], PixelPitch = view.Strides[2],
        Images = view.Shape[0], Height = view.Shape[1], Width = view.Shape[2], Channels = view.Shape[3],
    };

    public readonly float* At(int image, int row, int column) =>
        Start + image * ImagePitch + row * RowPitch + column * PixelPitch;

    /// <summary>Whether the pixels of each image are one line of equal steps.</summary>
    public readonly bool IsLinePerImage => Height == 1 || RowPitch == PixelPitch * Width;

    public readonly ImageView AsLinePerImage() => this with { Height = 1, Width = Height * Width };

    public readonly ImageView AsLine() => this with { Images = 1, Height = 1, Width = Images * Height * Width };

    public readonly TileLine Line(int row, int columnStep) =>
        new(Start + row * RowPitch, (nint)PixelPitch * columnStep);

    /// <summary>The same view from one line of a region on.</summary>
    public readonly ImageView From(in Region region, int line) =>
        this with { Start = At(region.Image, region.Row + line, region.Column) };
}
