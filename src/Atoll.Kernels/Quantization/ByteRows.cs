namespace Atoll.Kernels;

/// <summary>Rows of bytes that are multiplied: of a matrix, or the patches under a convolution's window.</summary>
public abstract unsafe class ByteRows(int count, int length, TensorRef source)
{
    public int Count { get; } = count;

    public int Length { get; } = length;

    internal TensorRef Source { get; } = source;

    /// <summary>Writes the raw bytes of a row; what lies outside the source is the filler.</summary>
    internal abstract void Read(int row, byte* target, byte filler);

    /// <summary>Rows of a view [M, K] with contiguous rows.</summary>
    public static ByteRows Of(TensorRef matrix) => new MatrixRows(matrix);

    /// <summary>
    /// Patches of x (N, H, W, C), contiguous in C, in the order of the outputs (image, row, column); inside a patch
    /// the channels of each position follow each other.
    /// </summary>
    public static ByteRows Of(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) output,
        ConvolutionGeometry geometry) => new PatchRows(x, kernel, output, geometry);

    private sealed class MatrixRows(TensorRef matrix) : ByteRows(matrix.Shape[0], matrix.Shape[1], matrix)
    {
        internal override void Read(int row, byte* target, byte filler) => System.Buffer.MemoryCopy(
            Source.Pointer + row * Source.Strides[0], target, Length, Length);
    }

    private sealed class PatchRows(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) output,
        ConvolutionGeometry geometry)
        : ByteRows(x.Shape[0] * output.Height * output.Width, kernel.Height * kernel.Width * x.Shape[3], x)
    {
        internal override void Read(int row, byte* target, byte filler)
        {
            var channels = Source.Shape[3];
            var (column, line) = (row % output.Width, row / output.Width % output.Height);
            var image = Source.Pointer + row / output.Width / output.Height * Source.Strides[0];
            for (var tap = 0; tap < kernel.Height * kernel.Width; tap++, target += channels)
            {
                var h = line * geometry.StrideHeight - geometry.PadTop + tap / kernel.Width * geometry.DilationHeight;
                var w = column * geometry.StrideWidth - geometry.PadLeft + tap % kernel.Width * geometry.DilationWidth;
                if (h < 0 || h >= Source.Shape[1] || w < 0 || w >= Source.Shape[2])
                {
                    new Span<byte>(target, channels).Fill(filler);
                    continue;
                }

                System.Buffer.MemoryCopy(image + h * Source.Strides[1] + w * Source.Strides[2], target, channels,
                    channels);
            }
        }
    }
}
