using System.Runtime.InteropServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Weights of a depthwise convolution of bytes less their zero points, as 16-bit numbers in pairs of taps, for 32
/// channels at a time. Where there are more than 32, the last 32 may overlap those before. Owns native memory.
/// </summary>
public sealed unsafe class DepthwiseBytes : IPackedWeights
{
    internal const int Width = 32;
    private short* _pairs;
    private int* _sums;

    private DepthwiseBytes(int channels, int height, int width)
    {
        (Channels, KernelHeight, KernelWidth) = (channels, height, width);
        Parts = (channels + Width - 1) / Width;
        _pairs = (short*)NativeMemory.AlignedAlloc((nuint)(Parts * PairCount * Width * 2 * sizeof(short)), 64);
        NativeMemory.Clear(_pairs, (nuint)(Parts * PairCount * Width * 2 * sizeof(short)));
        _sums = (int*)NativeMemory.AllocZeroed((nuint)(channels + Width), sizeof(int));
    }

    public int Channels { get; }

    public int KernelHeight { get; }

    public int KernelWidth { get; }

    internal int Taps => KernelHeight * KernelWidth;

    internal int PairCount => (Taps + 1) / 2;

    /// <inheritdoc/>
    public long Bytes => ((long)Parts * PairCount * Width * 2 * sizeof(short)) + ((Channels + Width) * sizeof(int));

    /// <summary>Groups of 32 channels.</summary>
    internal int Parts { get; }

    /// <summary>
    /// Weight (channel, tap) is at channel × taps + tap; it counts less the zero point of its channel.
    /// </summary>
    public static DepthwiseBytes Pack(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> zeros, bool isSigned, int height,
        int width)
    {
        var taps = height * width;
        var packed = new DepthwiseBytes(weights.Length / taps, height, width);
        for (var i = 0; i < weights.Length; i++)
        {
            var (channel, tap) = (i / taps, i % taps);
            packed._sums[channel] += Value(weights, zeros, isSigned, channel, i);
            for (var part = 0; part < packed.Parts; part++)
            {
                var at = channel - packed.First(part);
                if (at is >= 0 and < Width)
                {
                    packed.Pairs(part, tap / 2)[Place(at) * 2 + tap % 2] =
                        (short)Value(weights, zeros, isSigned, channel, i);
                }
            }
        }

        return packed;
    }

    /// <summary>
    /// Where a channel's sum lies after unpacking 16-bit lanes: 0-3, 8-11, 16-19, 24-27 in the first register, 4-7 and
    /// so on in the second.
    /// </summary>
    internal static int Place(int channel) => (channel & 4) * 4 + (channel >> 3) * 4 + (channel & 3);

    /// <summary>First channel of a part.</summary>
    internal int First(int part) => Math.Max(0, Math.Min(part * Width, Channels - Width));

    public void Dispose()
    {
        NativeMemory.AlignedFree(_pairs);
        NativeMemory.Free(_sums);
        _pairs = null;
        _sums = null;
    }

    /// <summary>Weights of two taps of a part's channels, [place][2].</summary>
    internal short* Pairs(int part, int pair) => _pairs + (part * PairCount + pair) * Width * 2;

    /// <summary>Sum of each channel's weights.</summary>
    internal int* Sums => _sums;

    private static int Value(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> zeros, bool isSigned, int channel, int at)
    {
        var zero = zeros.IsEmpty ? (byte)0 : zeros[zeros.Length == 1 ? 0 : channel];
        return isSigned ? (sbyte)weights[at] - (sbyte)zero : weights[at] - zero;
    }
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
