using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A block is some lines of the output. Each pixel has a list of its taps' addresses, where what lies outside the image
/// is a line of zero points, so that no tap is an exception; 32 channels are summed at a time.
/// </summary>
internal sealed unsafe class ByteDepthwiseKernel : CpuKernel
{
    private const double MacsPerMicrosecond = 12e3;
    private const int PixelsBetweenYields = 64;
    private readonly TensorRef _x;
    private readonly TensorRef _y;
    private readonly DepthwiseBytes _w;
    private readonly ConvolutionGeometry _geometry;
    private readonly ByteProduct _product;
    private readonly Requantization _to;
    private readonly int _lines;

    public ByteDepthwiseKernel(string name, TensorRef x, DepthwiseBytes w, TensorRef y, ConvolutionGeometry geometry,
        ByteProduct product)
        : base(name, BlocksOf(y, w), [x.Reads(), .. product.Reads.Select(t => t.Reads()), y.Writes()])
    {
        (_x, _w, _y, _geometry, _product) = (x, w, y, geometry, product);
        _to = product.Requantization!;
        _lines = y.Shape[0] * y.Shape[1];
    }

    public override int ScratchBytes => 128 + Padded * (2 * sizeof(float) + 1) + (_w.Taps + 1) * sizeof(byte*);

    public override double EstimatedBlockMicroseconds => (double)_y.Count * _w.Taps / Blocks / MacsPerMicrosecond;

    private int Padded => _w.Channels + DepthwiseBytes.Width;

    public override void RunBlock(int block, BlockContext context)
    {
        var scales = (float*)(((nint)context.Scratch + 63) & ~63);
        var bias = (int*)(scales + Padded);
        var taps = (byte**)(bias + Padded);
        var outside = (byte*)(taps + _w.Taps + 1);
        Prepare(scales, bias);
        new Span<byte>(outside, Padded).Fill(_product.ZeroA is { } zero ? *zero.Pointer : (byte)0);
        taps[_w.Taps] = outside;
        var pixels = Math.Max(1, PixelsBetweenYields * 32 / Padded);
        var (first, last) = BlockSplit.Part(_lines, Blocks, block);
        for (var line = first; line < last; line++)
        {
            var (image, row) = (line / _y.Shape[1], line % _y.Shape[1]);
            var target = _y.Pointer + image * _y.Strides[0] + row * _y.Strides[1];
            for (var column = 0; column < _y.Shape[2]; column++, target += _y.Strides[2])
            {
                FindTaps(image, row, column, taps, outside);
                Pixel(taps, scales, bias, target);
                if (column % pixels == 0 && context.Yield())
                {
                    return;
                }
            }

            if (context.Yield())
            {
                return;
            }
        }
    }

    private void Prepare(float* scales, int* bias)
    {
        var zeroA = _product.ZeroA is not { } zero ? 0 : _product.IsSigned ? *(sbyte*)zero.Pointer : *zero.Pointer;
        var (a, y) = (*(float*)_to.ScaleA.Pointer, *(float*)_to.To.Scale.Pointer);
        var (b, shift) = ((float*)_to.ScaleB.Pointer, (int*)(_product.Bias is { } t ? t.Pointer : null));
        var step = _to.ScaleB.Count == 1 ? 0 : 1;
        for (var i = 0; i < _w.Channels; i++)
        {
            scales[i] = a * b[i * step] / y;
            bias[i] = (shift == null ? 0 : shift[i]) - zeroA * _w.Sums[i];
        }
    }

    private void FindTaps(int image, int row, int column, byte** taps, byte* outside)
    {
        var source = _x.Pointer + image * _x.Strides[0];
        var top = row * _geometry.StrideHeight - _geometry.PadTop;
        var left = column * _geometry.StrideWidth - _geometry.PadLeft;
        for (var i = 0; i < _w.KernelHeight; i++)
        {
            var h = top + i * _geometry.DilationHeight;
            var line = source + h * _x.Strides[1];
            var inside = (uint)h < (uint)_x.Shape[1];
            for (var j = 0; j < _w.KernelWidth; j++)
            {
                var w = left + j * _geometry.DilationWidth;
                *taps++ = inside && (uint)w < (uint)_x.Shape[2] ? line + w * _x.Strides[2] : outside;
            }
        }
    }

    private void Pixel(byte** taps, float* scales, int* bias, byte* target)
    {
        var channels = _w.Channels;
        var range = ByteRange.Of(_to.To, _to.Low, _to.High);
        if (!Avx512BW.IsSupported || channels < DepthwiseBytes.Width)
        {
            Plain(taps, scales, bias, range, target);
            return;
        }

        for (var channel = 0; ; channel += DepthwiseBytes.Width)
        {
            // The last ones are computed again rather than one by one.
            channel = Math.Min(channel, channels - DepthwiseBytes.Width);
            Vector(taps, channel, (scales + channel, bias + channel), range, target + channel);
            if (channel == channels - DepthwiseBytes.Width)
            {
                return;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Vector(byte** taps, int channel, (nint Scales, nint Bias) terms, in ByteRange range, byte* target)
    {
        Vector512<int> low = default, high = default;
        for (var pair = 0; pair < _w.PairCount; pair++)
        {
            var (a, b) = (Widen(taps[2 * pair] + channel), Widen(taps[2 * pair + 1] + channel));
            var weights = _w.Pairs(pair, channel);
            // [channel][2] as two registers: unpacking puts the channels in the order 0-3, 8-11, … and 4-7, 12-15, …
            Vector512<int> first = Vector512.Load((int*)weights), second = Vector512.Load((int*)weights + 16);
            low += Avx512BW.MultiplyAddAdjacent(Avx512BW.UnpackLow(a, b), Low(first, second).AsInt16());
            high += Avx512BW.MultiplyAddAdjacent(Avx512BW.UnpackHigh(a, b), High(first, second).AsInt16());
        }

        Vector512<int> bias0 = Vector512.Load((int*)terms.Bias), bias1 = Vector512.Load((int*)terms.Bias + 16);
        var scale0 = Vector512.Load((int*)terms.Scales);
        var scale1 = Vector512.Load((int*)terms.Scales + 16);
        low = Finish(low + Low(bias0, bias1), Low(scale0, scale1).AsSingle(), range);
        high = Finish(high + High(bias0, bias1), High(scale0, scale1).AsSingle(), range);
        // Packing undoes what unpacking did.
        Avx512BW.ConvertToVector256Byte(Avx512BW.PackSignedSaturate(low, high)).Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Low(Vector512<int> a, Vector512<int> b) => Pick(a, b, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> High(Vector512<int> a, Vector512<int> b) => Pick(a, b, 1);

    // Every second group of four lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pick(Vector512<int> a, Vector512<int> b, int odd) => odd == 0
        ? Avx512F.Shuffle4x128(a, b, 0b10_00_10_00)
        : Avx512F.Shuffle4x128(a, b, 0b11_01_11_01);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Finish(Vector512<int> sums, Vector512<float> scales, in ByteRange range) =>
        ByteLanes.Round(range.Limit(Vector512.ConvertToSingle(sums) * scales)) + Vector512.Create(range.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<short> Widen(byte* source) => _product.IsSigned
        ? Avx512BW.ConvertToVector512Int16(Vector256.Load((sbyte*)source))
        : Avx512BW.ConvertToVector512Int16(Vector256.Load(source));

    private void Plain(byte** taps, float* scales, int* bias, in ByteRange range, byte* target)
    {
        for (var channel = 0; channel < _w.Channels; channel++)
        {
            var sum = bias[channel];
            for (var tap = 0; tap < _w.Taps; tap++)
            {
                var raw = taps[tap][channel];
                sum += (_product.IsSigned ? (sbyte)raw : raw) * _w.Pairs(tap / 2, channel)[tap % 2];
            }

            var value = Math.Clamp(sum * scales[channel], range.Low, range.High);
            target[channel] = (byte)((int)MathF.Round(value) + range.Zero);
        }
    }

    private static int BlocksOf(TensorRef y, DepthwiseBytes w)
    {
        var lines = y.Shape[0] * y.Shape[1];
        return (int)Math.Clamp((double)y.Count * w.Taps / MacsPerMicrosecond / 20, 1, Math.Max(1, lines));
    }
}
