using System.Runtime.InteropServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Weights of a depthwise convolution of bytes less their zero points, as 16-bit numbers in pairs of taps: for 32
/// channels the pairs of four, then those of the four that follow, as unpacking orders them. Owns native memory.
/// </summary>
public sealed unsafe class DepthwiseBytes : IDisposable
{
    internal const int Width = 32;
    private short* _pairs;
    private int* _sums;

    private DepthwiseBytes(int channels, int height, int width)
    {
        (Channels, KernelHeight, KernelWidth) = (channels, height, width);
        var padded = (nuint)Channels + Width;
        _pairs = (short*)NativeMemory.AllocZeroed(padded * (nuint)PairCount * 2, sizeof(short));
        _sums = (int*)NativeMemory.AllocZeroed(padded, sizeof(int));
    }

    public int Channels { get; }

    public int KernelHeight { get; }

    public int KernelWidth { get; }

    internal int Taps => KernelHeight * KernelWidth;

    internal int PairCount => (Taps + 1) / 2;

    /// <summary>Weight (channel, tap) is at channel × taps + tap; it counts less the zero point of its channel.</summary>
    public static DepthwiseBytes Pack(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> zeros, bool isSigned, int height,
        int width)
    {
        var taps = height * width;
        var packed = new DepthwiseBytes(weights.Length / taps, height, width);
        for (var i = 0; i < weights.Length; i++)
        {
            var (channel, tap) = (i / taps, i % taps);
            var (raw, zero) = (weights[i], zeros.IsEmpty ? (byte)0 : zeros[zeros.Length == 1 ? 0 : channel]);
            var value = isSigned ? (sbyte)raw - (sbyte)zero : raw - zero;
            packed._pairs[((long)tap / 2 * packed.Channels + channel) * 2 + tap % 2] = (short)value;
            packed._sums[channel] += value;
        }

        return packed;
    }

    public void Dispose()
    {
        NativeMemory.Free(_pairs);
        NativeMemory.Free(_sums);
        _pairs = null;
        _sums = null;
    }

    /// <summary>Weights of two taps, [channel][2], from a channel on.</summary>
    internal short* Pairs(int pair, int channel) => _pairs + ((long)pair * Channels + channel) * 2;

    /// <summary>Sum of each channel's weights.</summary>
    internal int* Sums => _sums;
}

/// <summary>Makes kernels that convolve each channel of bytes by itself.</summary>
public static class ByteDepthwise
{
    /// <summary>
    /// y = requantized x * w for x and y [N, H, W, C] with contiguous channels; one zero point of x, and of the weights
    /// those that were taken off when they were packed.
    /// </summary>
    public static CpuKernel Create(
        string name, TensorRef x, DepthwiseBytes w, TensorRef y, ConvolutionGeometry geometry, ByteProduct product)
    {
        if (x.Rank != 4 || y.Rank != 4 || x.Shape[3] != w.Channels || y.Shape[3] != w.Channels ||
            (w.Channels > 1 && (x.Strides[3] != 1 || y.Strides[3] != 1)) || product.ZeroA?.Count > 1 ||
            product.Requantization is not { Sum: null })
        {
            throw new ArgumentException($"{name}: {x} by {w.Channels} filters does not give {y}");
        }

        return new ByteDepthwiseKernel(name, x, w, y, geometry, product);
    }
}
