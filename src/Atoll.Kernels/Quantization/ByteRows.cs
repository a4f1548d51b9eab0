using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Atoll.Kernels;

/// <summary>Rows of bytes that are multiplied: of a matrix, or the patches under a convolution's window.</summary>
public abstract unsafe class ByteRows(int count, int length, TensorRef source)
{
    public int Count { get; } = count;

    public int Length { get; } = length;

    internal TensorRef Source { get; } = source;

    /// <summary>Distance of rows that lie whole in memory one after the other; 0 where they must be gathered.</summary>
    internal virtual nint PitchInPlace => 0;

    /// <summary>Where a row lies: its number, or image, line and column of an output pixel.</summary>
    internal virtual RowPlace Place(int row) => new(0, 0, row);

    /// <summary>
    /// Writes the raw bytes of a row and goes on to the next; what lies outside the source is the filler.
    /// </summary>
    internal abstract void Read(ref RowPlace place, byte* target, byte filler);

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

    // Runs are short and many: a call of the library's copy would take longer than the copy. The last part overlaps.
    private static void Copy(byte* source, byte* target, int count)
    {
        var i = 0;
        for (; i + 64 <= count; i += 64)
        {
            Vector512.Load(source + i).Store(target + i);
        }

        if (i == count)
        {
            return;
        }

        if (count >= 64)
        {
            Vector512.Load(source + count - 64).Store(target + count - 64);
            return;
        }

        if (count >= 32)
        {
            Vector256.Load(source).Store(target);
            Vector256.Load(source + count - 32).Store(target + count - 32);
        }
        else if (count >= 16)
        {
            Vector128.Load(source).Store(target);
            Vector128.Load(source + count - 16).Store(target + count - 16);
        }
        else if (count >= 8)
        {
            var (first, last) = (Unsafe.ReadUnaligned<long>(source), Unsafe.ReadUnaligned<long>(source + count - 8));
            Unsafe.WriteUnaligned(target, first);
            Unsafe.WriteUnaligned(target + count - 8, last);
        }
        else
        {
            for (i = 0; i < count; i++)
            {
                target[i] = source[i];
            }
        }
    }

    private sealed class MatrixRows(TensorRef matrix) : ByteRows(matrix.Shape[0], matrix.Shape[1], matrix)
    {
        internal override nint PitchInPlace => (nint)(Source.Shape[0] == 1 ? Source.Shape[1] : Source.Strides[0]);

        internal override void Read(ref RowPlace place, byte* target, byte filler)
        {
            Copy(Source.Pointer + place.Column * Source.Strides[0], target, Length);
            place.Column++;
        }
    }

    private sealed class PatchRows(TensorRef x, (int Height, int Width) kernel, (int Height, int Width) output,
        ConvolutionGeometry geometry)
        : ByteRows(x.Shape[0] * output.Height * output.Width, kernel.Height * kernel.Width * x.Shape[3], x)
    {
        private readonly (int Height, int Width) _kernel = kernel;
        private readonly (int Height, int Width) _output = output;
        private readonly ConvolutionGeometry _geometry = geometry;
        private readonly bool _isDense = geometry.DilationWidth == 1 && x.Strides[2] == x.Shape[3];
        private readonly (int Height, int Width, int Channels) _size = (x.Shape[1], x.Shape[2], x.Shape[3]);
        private readonly (long Image, long Row, long Pixel) _pitch = (x.Strides[0], x.Strides[1], x.Strides[2]);
        private readonly byte* _start = x.Pointer;

        internal override RowPlace Place(int row) => new(row / _output.Width / _output.Height,
            row / _output.Width % _output.Height, row % _output.Width);

        internal override void Read(ref RowPlace place, byte* target, byte filler)
        {
            var image = _start + place.Image * _pitch.Image;
            var left = place.Column * _geometry.StrideWidth - _geometry.PadLeft;
            var top = place.Line * _geometry.StrideHeight - _geometry.PadTop;
            var bytes = _kernel.Width * _size.Channels;
            for (var tap = 0; tap < _kernel.Height; tap++, target += bytes)
            {
                var h = top + tap * _geometry.DilationHeight;
                if (h < 0 || h >= _size.Height)
                {
                    Unsafe.InitBlockUnaligned(target, filler, (uint)bytes);
                }
                else
                {
                    ReadLine(image + h * _pitch.Row, left, target, filler);
                }
            }

            Move(ref place);
        }

        private void Move(ref RowPlace place)
        {
            if (++place.Column < _output.Width)
            {
                return;
            }

            place.Column = 0;
            if (++place.Line == _output.Height)
            {
                (place.Line, place.Image) = (0, place.Image + 1);
            }
        }

        private void ReadLine(byte* line, int left, byte* target, byte filler)
        {
            var channels = _size.Channels;
            if (_isDense)
            {
                // The part of the window inside the image is one run of bytes.
                int first = Math.Clamp(-left, 0, _kernel.Width);
                int last = Math.Clamp(_size.Width - left, first, _kernel.Width);
                if (first > 0 || last < _kernel.Width)
                {
                    Unsafe.InitBlockUnaligned(target, filler, (uint)(_kernel.Width * channels));
                }

                Copy(line + (long)(left + first) * channels, target + first * channels, (last - first) * channels);
                return;
            }

            for (var tap = 0; tap < _kernel.Width; tap++, target += channels)
            {
                var w = left + tap * _geometry.DilationWidth;
                if (w < 0 || w >= _size.Width)
                {
                    Unsafe.InitBlockUnaligned(target, filler, (uint)channels);
                }
                else
                {
                    Copy(line + w * _pitch.Pixel, target, channels);
                }
            }
        }
    }
}

/// <summary>A row's image, line and column.</summary>
internal record struct RowPlace(int Image, int Line, int Column);
