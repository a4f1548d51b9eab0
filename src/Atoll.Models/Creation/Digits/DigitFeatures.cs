using System.Numerics;

namespace Atoll.Models;

/// <summary>
/// The fixed part of the <c>digits</c> network: 5x5 edge and bar filters in all directions, ReLU, 2x2 maximum, seeded
/// random 3x3 filters, ReLU, 2x2 maximum. Maps lie channel-last here, so that a vector holds the channels of one pixel.
/// </summary>
internal sealed class DigitFeatures
{
    public const int FirstKernel = 5;
    public const int SecondKernel = 3;
    public const int LastSide = DigitImage.Side / 4;

    private readonly float[] _first;
    private readonly float[] _firstPooled;
    private readonly float[] _second;

    public DigitFeatures(int firstChannels, int secondChannels, int seed)
    {
        FirstChannels = firstChannels;
        SecondChannels = secondChannels;
        FirstWeights = OrientedFilters(firstChannels);
        SecondWeights = new float[SecondKernel * SecondKernel * firstChannels * secondChannels];
        var rows = new float[SecondWeights.Length];
        var fanIn = SecondKernel * SecondKernel * firstChannels;
        new WeightGenerator(seed, 0).CentredRows(rows, fanIn, MathF.Sqrt(2f / fanIn), share: 1);
        for (var i = 0; i < rows.Length; i++)
        {
            SecondWeights[(i % fanIn * secondChannels) + (i / fanIn)] = rows[i];
        }

        _first = new float[DigitImage.Side * DigitImage.Side * firstChannels];
        _firstPooled = new float[_first.Length / 4];
        _second = new float[_firstPooled.Length / firstChannels * secondChannels];
    }

    public int FirstChannels { get; }

    public int SecondChannels { get; }

    /// <summary>Number of features of an image: 7 * 7 * <see cref="SecondChannels"/>, channel last.</summary>
    public int Count => LastSide * LastSide * SecondChannels;

    /// <summary>Weights by (row, column, input channel, output channel).</summary>
    public float[] FirstWeights { get; }

    /// <summary>Weights by (row, column, input channel, output channel).</summary>
    public float[] SecondWeights { get; }

    /// <summary>Computes the features of one image; buffers are reused, so an instance serves one thread.</summary>
    public void Compute(ReadOnlySpan<float> image, Span<float> features)
    {
        const int Side = DigitImage.Side;
        Convolve(image, (Side, 1, FirstKernel), FirstWeights, _first);
        Pool(_first, Side, FirstChannels, _firstPooled);
        Convolve(_firstPooled, (Side / 2, FirstChannels, SecondKernel), SecondWeights, _second);
        Pool(_second, Side / 2, SecondChannels, features);
    }

    /// <summary>Same-size convolution and ReLU.</summary>
    private static void Convolve(
        ReadOnlySpan<float> input,
        (int Side, int Channels, int Kernel) shape,
        ReadOnlySpan<float> weights,
        Span<float> output)
    {
        var (side, channels, kernel) = shape;
        var outputs = weights.Length / (kernel * kernel * channels);
        var pad = kernel / 2;
        for (var place = 0; place < side * side; place++)
        {
            var (y, x) = Math.DivRem(place, side);
            var target = output.Slice(place * outputs, outputs);
            target.Clear();
            for (var tap = 0; tap < kernel * kernel; tap++)
            {
                var (row, column) = (y + (tap / kernel) - pad, x + (tap % kernel) - pad);
                if ((uint)row < (uint)side && (uint)column < (uint)side)
                {
                    var source = input.Slice(((row * side) + column) * channels, channels);
                    Accumulate(source, weights.Slice(tap * channels * outputs, channels * outputs), target);
                }
            }

            foreach (ref var value in target)
            {
                value = Math.Max(value, 0);
            }
        }
    }

    private static void Accumulate(ReadOnlySpan<float> source, ReadOnlySpan<float> weights, Span<float> target)
    {
        for (var from = 0; from < target.Length; from += Vector<float>.Count)
        {
            if (from + Vector<float>.Count > target.Length)
            {
                AccumulateRest(source, weights, target, from);
                return;
            }

            var sum = new Vector<float>(target[from..]);
            for (var c = 0; c < source.Length; c++)
            {
                sum = Vector.FusedMultiplyAdd(
                    new Vector<float>(source[c]), new Vector<float>(weights[((c * target.Length) + from)..]), sum);
            }

            sum.CopyTo(target[from..]);
        }
    }

    private static void AccumulateRest(
        ReadOnlySpan<float> source, ReadOnlySpan<float> weights, Span<float> target, int from)
    {
        for (var c = 0; c < source.Length; c++)
        {
            for (var o = from; o < target.Length; o++)
            {
                target[o] += source[c] * weights[(c * target.Length) + o];
            }
        }
    }

    private static void Pool(ReadOnlySpan<float> input, int side, int channels, Span<float> output)
    {
        var half = side / 2;
        for (var place = 0; place < half * half; place++)
        {
            var corner = ((place / half * 2 * side) + (place % half * 2)) * channels;
            for (var c = 0; c < channels; c++)
            {
                var above = Math.Max(input[corner + c], input[corner + channels + c]);
                var below = corner + (side * channels) + c;
                output[(place * channels) + c] = Math.Max(above, Math.Max(input[below], input[below + channels]));
            }
        }
    }

    /// <summary>
    /// Gabor filters of norm 1: the first half are edges in all directions, the rest are bars at all angles.
    /// </summary>
    private static float[] OrientedFilters(int channels)
    {
        var weights = new float[FirstKernel * FirstKernel * channels];
        Span<float> filter = stackalloc float[FirstKernel * FirstKernel];
        var edges = channels / 2;
        for (var c = 0; c < channels; c++)
        {
            var angle = c < edges ? 2 * MathF.PI * c / edges : MathF.PI * (c - edges) / (channels - edges);
            Gabor(filter, angle, bar: c >= edges);
            for (var tap = 0; tap < filter.Length; tap++)
            {
                weights[(tap * channels) + c] = filter[tap];
            }
        }

        return weights;
    }

    private static void Gabor(Span<float> filter, float angle, bool bar)
    {
        const float Wavelength = 5;
        const float Spread = 1.6f;
        var mean = 0f;
        for (var tap = 0; tap < filter.Length; tap++)
        {
            var (y, x) = ((tap / FirstKernel) - (FirstKernel / 2), (tap % FirstKernel) - (FirstKernel / 2));
            var phase = 2 * MathF.PI / Wavelength * ((x * MathF.Cos(angle)) + (y * MathF.Sin(angle)));
            var window = MathF.Exp(-((x * x) + (y * y)) / (2 * Spread * Spread));
            filter[tap] = window * (bar ? MathF.Cos(phase) : MathF.Sin(phase));
            mean += filter[tap] / filter.Length;
        }

        var norm = 0f;
        foreach (ref var value in filter)
        {
            value -= mean;
            norm += value * value;
        }

        foreach (ref var value in filter)
        {
            value /= MathF.Sqrt(norm);
        }
    }
}
