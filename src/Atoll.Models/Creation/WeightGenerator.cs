namespace Atoll.Models;

/// <summary>
/// Seeded, platform-independent pseudo-random weights: xoshiro256++ (Blackman and Vigna) seeded by splitmix64. A normal
/// value is the scaled sum of four 16-bit uniforms (Irwin-Hall), one generator step each, so that 143 million weights
/// take well under a second.
/// </summary>
internal sealed class WeightGenerator
{
    // Four uniforms on 0..65535: mean 4 * 65535 / 2, variance 4 * (65536^2 - 1) / 12.
    private const int SumMean = 2 * 65535;
    private const float SumDeviation = 37837.227f;

    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    /// <summary>Each tensor has its own sequence, so that its values do not depend on the tensors before it.</summary>
    public WeightGenerator(int seed, int tensorIndex)
    {
        var state = ((ulong)(uint)seed << 32) | (uint)tensorIndex;
        _s0 = SplitMix(ref state);
        _s1 = SplitMix(ref state);
        _s2 = SplitMix(ref state);
        _s3 = SplitMix(ref state);
    }

    public void Normal(Span<float> values, float mean, float deviation)
    {
        var scale = deviation / SumDeviation;
        for (var i = 0; i < values.Length; i++)
        {
            var bits = Next();
            var low = (int)(bits & 0xFFFF) + (int)((bits >> 16) & 0xFFFF);
            var sum = low + (int)((bits >> 32) & 0xFFFF) + (int)(bits >> 48);
            values[i] = mean + ((sum - SumMean) * scale);
        }
    }

    /// <summary>
    /// Normal rows whose own mean is taken off by <paramref name="share"/> (0..1). Activations after a ReLU are
    /// positive, so a filter with a mean passes mostly what all inputs have in common, and after a hundred layers all
    /// inputs look alike; without it, inputs grow apart.
    /// </summary>
    public void CentredRows(Span<float> values, int rowLength, float deviation, float share)
    {
        Normal(values, 0, deviation);
        for (var start = 0; start < values.Length; start += rowLength)
        {
            var row = values.Slice(start, rowLength);
            var sum = 0f;
            foreach (var value in row)
            {
                sum += value;
            }

            var offset = share * sum / rowLength;
            foreach (ref var value in row)
            {
                value -= offset;
            }
        }
    }

    public void Uniform(Span<float> values, float low, float high)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = low + ((high - low) * (Next() >> 40) * (1f / (1 << 24)));
        }
    }

    private ulong Next()
    {
        var result = ulong.RotateLeft(_s0 + _s3, 23) + _s0;
        var shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = ulong.RotateLeft(_s3, 45);
        return result;
    }

    private static ulong SplitMix(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
