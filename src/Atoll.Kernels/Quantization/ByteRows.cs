using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>Rows of bytes that are multiplied: of a matrix, or the patches under a convolution's window.</summary>
public abstract unsafe class ByteRows(int count, int length, TensorRef source)
{
    public int Count { get; } = count;

    public int Length { get; } = length;

    internal TensorRef Source { get; } = source;

    /// <summary>Distance of rows that lie whole in memory one after the other; 0 where they must be gathered.</summary>
    internal virtual nint PitchInPlace => 0;

    /// <summary>Writes the raw bytes of a row; what lies outside the source is the filler.</summary>
    internal abstract void Read(int row, byte* target, byte filler);

    /// <summary>Rows of a view [M, K] with contiguous rows.</summary>
    public static ByteRows Of(TensorRef matrix) => new MatrixRows(matrix);

    /// <summary>
    /// Patches of x (N, H, W, C), contiguous in C, in the order of the outputs (image, row, column); inside a patch
    /// the channels of each position follow each other.
    /// </summary>
    public static ByteRows Of(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) output,
        ConvolutionGeometry geometry)
    {
        var isPointwise = kernel == (1, 1) && geometry is { StrideHeight: 1, StrideWidth: 1, PadTop: 0, PadLeft: 0 } &&
            output == (x.Shape[1], x.Shape[2]);
        return isPointwise && x.TryReshape([x.Shape[0] * x.Shape[1] * x.Shape[2], x.Shape[3]]) is { } pixels &&
            (pixels.Strides[1] == 1 || pixels.Shape[1] == 1)
            ? new MatrixRows(pixels) : new PatchRows(x, kernel, output, geometry);
    }

    private sealed class MatrixRows(TensorRef matrix) : ByteRows(matrix.Shape[0], matrix.Shape[1], matrix)
    {
        internal override nint PitchInPlace => (nint)(Source.Shape[0] == 1 ? Source.Shape[1] : Source.Strides[0]);

        internal override void Read(int row, byte* target, byte filler) =>
            Unsafe.CopyBlockUnaligned(target, Source.Pointer + row * Source.Strides[0], (uint)Length);
    }

    private sealed class PatchRows : ByteRows
    {
        private readonly (int Height, int Width) _kernel;
        private readonly (int Height, int Width) _output;
        private readonly ConvolutionGeometry _geometry;
        private readonly bool _isDense;

        public PatchRows(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) output,
            ConvolutionGeometry geometry)
            : base(x.Shape[0] * output.Height * output.Width, kernel.Height * kernel.Width * x.Shape[3], x)
        {
            (_kernel, _output, _geometry) = (kernel, output, geometry);
            _isDense = geometry.DilationWidth == 1 && x.Strides[2] == x.Shape[3];
        }

        internal override void Read(int row, byte* target, byte filler)
        {
            var (column, line) = (row % _output.Width, row / _output.Width % _output.Height);
            var image = Source.Pointer + row / _output.Width / _output.Height * Source.Strides[0];
            var left = column * _geometry.StrideWidth - _geometry.PadLeft;
            var bytes = _kernel.Width * Source.Shape[3];
            for (var tap = 0; tap < _kernel.Height; tap++, target += bytes)
            {
                var h = line * _geometry.StrideHeight - _geometry.PadTop + tap * _geometry.DilationHeight;
                if (h < 0 || h >= Source.Shape[1])
                {
                    Unsafe.InitBlockUnaligned(target, filler, (uint)bytes);
                }
                else
                {
                    ReadLine(image + h * Source.Strides[1], left, target, filler);
                }
            }
        }

        private void ReadLine(byte* line, int left, byte* target, byte filler)
        {
            var channels = Source.Shape[3];
            if (_isDense)
            {
                // The part of the window inside the image is one run of bytes.
                int first = Math.Clamp(-left, 0, _kernel.Width);
                int last = Math.Clamp(Source.Shape[2] - left, first, _kernel.Width);
                Unsafe.InitBlockUnaligned(target, filler, (uint)(first * channels));
                Unsafe.CopyBlockUnaligned(target + first * channels, line + (long)(left + first) * channels,
                    (uint)((last - first) * channels));
                Unsafe.InitBlockUnaligned(target + last * channels, filler,
                    (uint)((_kernel.Width - last) * channels));
                return;
            }

            for (var tap = 0; tap < _kernel.Width; tap++, target += channels)
            {
                var w = left + tap * _geometry.DilationWidth;
                if (w < 0 || w >= Source.Shape[2])
                {
                    Unsafe.InitBlockUnaligned(target, filler, (uint)channels);
                }
                else
                {
                    Unsafe.CopyBlockUnaligned(target, line + w * Source.Strides[2], (uint)channels);
                }
            }
        }
    }
}
