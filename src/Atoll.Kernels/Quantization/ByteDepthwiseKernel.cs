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
    private const double VectorMacsPerMicrosecond = 12e3;
    private const double PlainMacsPerMicrosecond = 400;
    private readonly TensorRef _x;
    private readonly TensorRef _y;
    private readonly DepthwiseBytes _w;
    private readonly ConvolutionGeometry _geometry;
    private readonly ByteProduct _product;
    private readonly Requantization _to;
    private readonly int _lines;
    private readonly bool _isPlain;

    // Products of a step, of 32 channels or of one, and those after which a block asks whether to yield.
    private readonly int _stepMacs;
    private readonly int _macsBetweenYields;

    public ByteDepthwiseKernel(string name, TensorRef x, DepthwiseBytes w, TensorRef y, ConvolutionGeometry geometry,
        ByteProduct product)
        : base(name, BlocksOf(y, w), [x.Reads(), .. product.Reads.Select(t => t.Reads()), y.Writes()])
    {
        (_x, _w, _y, _geometry, _product) = (x, w, y, geometry, product);
        _to = product.Requantization!;
        _lines = y.Shape[0] * y.Shape[1];
        _isPlain = IsPlain(w);
        _stepMacs = (int)Math.Min(1 << 30, _isPlain ? w.Taps : (long)w.Taps * DepthwiseBytes.Width);
        // About a microsecond.
        _macsBetweenYields = (int)MacsPerMicrosecond(w);
    }

    public override long ScratchBytes =>
        192 + (long)_w.Parts * DepthwiseBytes.Width * 8 + Padded + 2 * TapRoom * sizeof(byte*);

    public override double EstimatedBlockMicroseconds => (double)_y.Count * _w.Taps / Blocks / MacsPerMicrosecond(_w);

    private int Padded => _w.Channels + 2 * DepthwiseBytes.Width;

    // Of whole registers of addresses, with room for one tap more where their number is odd.
    private int TapRoom => (_w.Taps + 8) & ~7;

    public override void RunBlock(int block, BlockContext context)
    {
        var taps = (nint*)(((nint)context.Scratch + 63) & ~63);
        var steps = taps + TapRoom;
        var scales = (float*)(steps + TapRoom);
        var bias = (int*)(scales + _w.Parts * DepthwiseBytes.Width);
        var outside = (byte*)(bias + _w.Parts * DepthwiseBytes.Width);
        Prepare(scales, bias);
        new Span<byte>(outside, Padded).Fill(_product.ZeroA is { } zero ? *zero.Pointer : (byte)0);
        new Span<nint>(taps, TapRoom).Fill((nint)outside);
        new Span<nint>(steps, TapRoom).Clear();
        var (first, last) = BlockSplit.Part(_lines, Blocks, block);
        var range = ByteRange.Of(_to.To, _to.Low, _to.High);
        var macs = 0;
        var terms = new Terms { Scales = scales, Bias = bias, Range = range, MacsDone = &macs };
        for (var line = first; line < last; line++)
        {
            if (!Line(line, taps, steps, (nint)outside, terms, context))
            {
                return;
            }
        }
    }

    private bool Line(int line, nint* taps, nint* steps, nint outside, in Terms terms, BlockContext context)
    {
        var (image, row) = (line / _y.Shape[1], line % _y.Shape[1]);
        var target = _y.Pointer + image * _y.Strides[0] + row * _y.Strides[1];
        var (columns, pitch) = (_y.Shape[2], _y.Strides[2]);
        var reach = (_w.KernelWidth - 1) * _geometry.DilationWidth;
        var wasInside = false;
        for (var column = 0; column < columns; column++, target += pitch)
        {
            var left = column * _geometry.StrideWidth - _geometry.PadLeft;
            var isInside = left >= 0 && left + reach < _x.Shape[2];
            if (isInside && wasInside)
            {
                Advance(taps, steps);
            }
            else
            {
                FindTaps(image, row, left, taps, steps, outside);
            }

            wasInside = isInside;
            if (!Pixel(taps, terms, target, context))
            {
                return false;
            }
        }

        return true;
    }

    private void Advance(nint* taps, nint* steps)
    {
        for (var i = 0; i < TapRoom; i += Vector512<long>.Count)
        {
            (Vector512.Load((long*)taps + i) + Vector512.Load((long*)steps + i)).Store((long*)taps + i);
        }
    }

    // Lanes are in the order of places; the last part may overlap the one before.
    private void Prepare(float* scales, int* bias)
    {
        var zeroA = _product.ZeroA is not { } zero ? 0 : _product.IsSigned ? *(sbyte*)zero.Pointer : *zero.Pointer;
        float a = *(float*)_to.ScaleA.Pointer, y = *(float*)_to.To.Scale.Pointer;
        var b = (float*)_to.ScaleB.Pointer;
        var shift = (int*)(_product.Bias is { } t ? t.Pointer : null);
        var step = _to.ScaleB.Count == 1 ? 0 : 1;
        for (var part = 0; part < _w.Parts; part++, scales += DepthwiseBytes.Width, bias += DepthwiseBytes.Width)
        {
            var first = _w.First(part);
            for (var i = 0; i < DepthwiseBytes.Width && first + i < _w.Channels; i++)
            {
                var place = DepthwiseBytes.Place(i);
                scales[place] = a * b[(first + i) * step] / y;
                bias[place] = (shift == null ? 0 : shift[first + i]) - zeroA * _w.Sums[first + i];
            }
        }
    }

    private void FindTaps(int image, int row, int left, nint* taps, nint* steps, nint outside)
    {
        var source = _x.Pointer + image * _x.Strides[0];
        var top = row * _geometry.StrideHeight - _geometry.PadTop;
        var step = (nint)(_geometry.StrideWidth * _x.Strides[2]);
        for (var i = 0; i < _w.KernelHeight; i++)
        {
            var h = top + i * _geometry.DilationHeight;
            var line = source + h * _x.Strides[1];
            var inside = (uint)h < (uint)_x.Shape[1];
            for (var j = 0; j < _w.KernelWidth; j++, taps++, steps++)
            {
                var w = left + j * _geometry.DilationWidth;
                var isThere = inside && (uint)w < (uint)_x.Shape[2];
                *taps = isThere ? (nint)line + w * (nint)_x.Strides[2] : outside;
                *steps = isThere ? step : 0;
            }
        }
    }

    // Steps may be many, and each long: what they come to counts, over all pixels.
    private bool Pixel(nint* taps, in Terms terms, byte* target, BlockContext context)
    {
        var steps = _isPlain ? _w.Channels : _w.Parts;
        for (var step = 0; step < steps; step++)
        {
            if (_isPlain)
            {
                Plain(taps, step, terms, target);
            }
            else if (_product.IsSigned)
            {
                Vector<SignedBytes>(taps, _w.First(step), step, terms, target + _w.First(step));
            }
            else
            {
                Vector<UnsignedBytes>(taps, _w.First(step), step, terms, target + _w.First(step));
            }

            *terms.MacsDone += _stepMacs;
            if (*terms.MacsDone >= _macsBetweenYields)
            {
                *terms.MacsDone = 0;
                if (context.Yield())
                {
                    return false;
                }
            }
        }

        return true;
    }

    private void Vector<TBytes>(nint* taps, int channel, int part, in Terms terms, byte* target)
        where TBytes : struct, IWideBytes
    {
        Vector512<int> low = default, high = default;
        var weights = _w.Pairs(part, 0);
        for (var pair = 0; pair < _w.PairCount; pair++, taps += 2, weights += 2 * DepthwiseBytes.Width)
        {
            var (a, b) = (TBytes.Load((byte*)taps[0] + channel), TBytes.Load((byte*)taps[1] + channel));
            low += Avx512BW.MultiplyAddAdjacent(Avx512BW.UnpackLow(a, b), Vector512.Load(weights));
            high += Avx512BW.MultiplyAddAdjacent(Avx512BW.UnpackHigh(a, b), Vector512.Load(weights + 32));
        }

        var scales = terms.Scales + part * DepthwiseBytes.Width;
        var bias = terms.Bias + part * DepthwiseBytes.Width;
        low = Finish(low + Vector512.Load(bias), Vector512.Load(scales), terms.Range);
        high = Finish(high + Vector512.Load(bias + 16), Vector512.Load(scales + 16), terms.Range);
        // Packing undoes what unpacking did.
        Avx512BW.ConvertToVector256Byte(Avx512BW.PackSignedSaturate(low, high)).Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Finish(Vector512<int> sums, Vector512<float> scales, in ByteRange range)
    {
        var value = Vector512.ConvertToSingle(sums) * scales;
        value = ByteLanes.Clamp(value, Vector512.Create(range.Low), Vector512.Create(range.High));
        return ByteLanes.Round(value) + Vector512.Create(range.Zero);
    }

    private void Plain(nint* taps, int channel, in Terms terms, byte* target)
    {
        var part = channel / DepthwiseBytes.Width;
        var place = DepthwiseBytes.Place(channel - _w.First(part));
        var at = part * DepthwiseBytes.Width + place;
        var sum = terms.Bias[at];
        for (var tap = 0; tap < _w.Taps; tap++)
        {
            var raw = ((byte*)taps[tap])[channel];
            sum += (_product.IsSigned ? (sbyte)raw : raw) * _w.Pairs(part, tap / 2)[place * 2 + tap % 2];
        }

        var value = Math.Clamp(sum * terms.Scales[at], terms.Range.Low, terms.Range.High);
        target[channel] = (byte)((int)MathF.Round(value) + terms.Range.Zero);
    }

    private static bool IsPlain(DepthwiseBytes w) => !Avx512BW.IsSupported || w.Channels < DepthwiseBytes.Width;

    private static double MacsPerMicrosecond(DepthwiseBytes w) =>
        IsPlain(w) ? PlainMacsPerMicrosecond : VectorMacsPerMicrosecond;

    private static int BlocksOf(TensorRef y, DepthwiseBytes w)
    {
        var lines = y.Shape[0] * y.Shape[1];
        return (int)Math.Clamp((double)y.Count * w.Taps / MacsPerMicrosecond(w) / 20, 1, Math.Max(1, lines));
    }

    private struct Terms
    {
        public float* Scales;
        public int* Bias;
        public ByteRange Range;

        /// <summary>Products since the block last asked whether to yield.</summary>
        public int* MacsDone;
    }

    private interface IWideBytes
    {
        static abstract Vector512<short> Load(byte* source);
    }

    private readonly struct UnsignedBytes : IWideBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<short> Load(byte* source) => Avx512BW.ConvertToVector512Int16(Vector256.Load(source));
    }

    private readonly struct SignedBytes : IWideBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<short> Load(byte* source) =>
            Avx512BW.ConvertToVector512Int16(Vector256.Load((sbyte*)source));
    }
}
