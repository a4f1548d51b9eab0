using System.Runtime.Intrinsics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Largest byte under a window of an image, 64 channels at a time; a block is some lines of the output.
/// </summary>
internal sealed unsafe class BytePoolKernel(string name, TensorRef x, TensorRef y, BytePoolWindow window)
    : RowKernel(name, (long)y.Shape[0] * y.Shape[1],
        Math.Max(20, (double)y.Shape[2] * y.Shape[3] * window.Height * window.Width / 32), [x.Reads(), y.Writes()])
{
    private const int PixelsBetweenYields = 16;
    private readonly ConvolutionGeometry _geometry = window.Geometry;

    protected override bool Row(long row, BlockContext context)
    {
        var (image, line) = (row / y.Shape[1], (int)(row % y.Shape[1]));
        var source = x.Pointer + image * x.Strides[0];
        var target = y.Pointer + image * y.Strides[0] + line * y.Strides[1];
        var top = line * _geometry.StrideHeight - _geometry.PadTop;
        for (var column = 0; column < y.Shape[2]; column++, target += y.Strides[2])
        {
            for (var channel = 0; channel < y.Shape[3]; channel += Vector512<byte>.Count)
            {
                Pixel(source + channel, (top, column * _geometry.StrideWidth - _geometry.PadLeft), target + channel,
                    Math.Min(Vector512<byte>.Count, y.Shape[3] - channel));
            }

            if (column % PixelsBetweenYields == 0 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Pixel(byte* source, (int Top, int Left) at, byte* target, int count)
    {
        var flip = Vector512.Create(window.IsSigned ? (byte)0x80 : (byte)0);
        var most = Vector512<byte>.Zero;
        for (var i = 0; i < window.Height; i++)
        {
            var h = at.Top + i * _geometry.DilationHeight;
            for (var j = 0; j < window.Width; j++)
            {
                var w = at.Left + j * _geometry.DilationWidth;
                if ((uint)h < (uint)x.Shape[1] && (uint)w < (uint)x.Shape[2])
                {
                    // Signed bytes order as unsigned ones once their highest bit is turned.
                    var bytes = Load(source + h * x.Strides[1] + w * x.Strides[2], count);
                    most = Vector512.Max(most, bytes ^ flip);
                }
            }
        }

        most ^= flip;
        if (count == Vector512<byte>.Count)
        {
            most.Store(target);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            target[i] = most.GetElement(i);
        }
    }

    private static Vector512<byte> Load(byte* source, int count)
    {
        if (count == Vector512<byte>.Count)
        {
            return Vector512.Load(source);
        }

        var bytes = stackalloc byte[Vector512<byte>.Count];
        new Span<byte>(source, count).CopyTo(new Span<byte>(bytes, count));
        return Vector512.Load(bytes);
    }
}

/// <summary>Size and steps of a pooling window over bytes.</summary>
internal sealed record BytePoolWindow(int Height, int Width, ConvolutionGeometry Geometry, bool IsSigned);
