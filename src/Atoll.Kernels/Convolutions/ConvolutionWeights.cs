using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// Weights and bias of a convolution, packed once and shared by all kernels that use it. Owns native memory: dispose it
/// after the programs that use it.
/// </summary>
public sealed unsafe class ConvolutionWeights : IPackedWeights
{
    private readonly PackedPanels[] _panels;
    private float* _depthwise;

    private ConvolutionWeights(WeightShape shape, PackedPanels[] panels, float* depthwise)
    {
        Shape = shape;
        _panels = panels;
        _depthwise = depthwise;
    }

    public int OutputChannels => Shape.OutputChannels;

    public int InputChannels => Shape.InputChannelsPerGroup * Shape.Groups;

    public int KernelHeight => Shape.KernelHeight;

    public int KernelWidth => Shape.KernelWidth;

    public int Groups => Shape.Groups;

    /// <inheritdoc/>
    public long Bytes => IsDepthwise
        ? (long)((KernelHeight * KernelWidth) + 1) * OutputChannels * sizeof(float)
        : _panels.Sum(panels => panels.Bytes);

    internal WeightShape Shape { get; }

    internal bool IsDepthwise => _depthwise != null;

    /// <summary>
    /// [channels / lanes][KernelHeight KernelWidth + 1][lanes]: for each register of channels the taps, then the bias;
    /// zeros beyond the last channel.
    /// </summary>
    internal float* Depthwise => _depthwise;

    internal SimdLevel Level { get; } = SimdSupport.Current;

    internal PackedPanels Group(int group) => _panels[group];

    /// <param name="oihw">Weights [outputChannels, inputChannelsPerGroup, kernelHeight, kernelWidth].</param>
    /// <param name="bias">One value per output channel, or empty.</param>
    public static ConvolutionWeights Pack(ReadOnlySpan<float> oihw, int outputChannels, int inputChannelsPerGroup,
        int kernelHeight, int kernelWidth, int groups, ReadOnlySpan<float> bias)
    {
        fixed (float* values = oihw)
        {
            return Pack(new MemoryFloats(values, oihw.Length),
                new WeightShape(outputChannels, inputChannelsPerGroup, kernelHeight, kernelWidth, groups), bias);
        }
    }

    /// <param name="oihw">Weights as the shape says, filter after filter.</param>
    /// <param name="shape">Sizes of the weights.</param>
    /// <param name="bias">One value per output channel, or empty.</param>
    public static ConvolutionWeights Pack(FloatSource oihw, WeightShape shape, ReadOnlySpan<float> bias)
    {
        ArgumentNullException.ThrowIfNull(oihw);
        ArgumentNullException.ThrowIfNull(shape);
        var (outputChannels, inputChannelsPerGroup, kernelHeight, kernelWidth, groups) = shape;
        var perFilter = inputChannelsPerGroup * kernelHeight * kernelWidth;
        if (groups < 1 || outputChannels % groups != 0 || oihw.Count != (long)outputChannels * perFilter
            || (!bias.IsEmpty && bias.Length != outputChannels))
        {
            throw new ArgumentException($"{oihw.Count} weights and {bias.Length} biases do not fit {shape}");
        }

        if (inputChannelsPerGroup == 1 && outputChannels == groups && groups > 1)
        {
            return new ConvolutionWeights(shape, [], PackDepthwise(oihw.Read(0, (int)oihw.Count), shape, bias));
        }

        var panels = new PackedPanels[groups];
        try
        {
            PackGroups(panels, oihw, shape, bias);
            return new ConvolutionWeights(shape, panels, null);
        }
        catch
        {
            // The source's file has changed.
            Array.ForEach(panels, group => group?.Dispose());
            throw;
        }
    }

    private static void PackGroups(
        PackedPanels[] panels, FloatSource oihw, WeightShape shape, ReadOnlySpan<float> bias)
    {
        var (inputs, taps) = (shape.InputChannelsPerGroup, shape.KernelHeight * shape.KernelWidth);
        var rows = new long[inputs * taps];
        for (var k = 0; k < rows.Length; k++)
        {
            // Reduction order (ky, kx, channel): that is how pixels lie in memory.
            rows[k] = k % inputs * taps + k / inputs;
        }

        var perGroup = shape.OutputChannels / panels.Length;
        for (var group = 0; group < panels.Length; group++)
        {
            var layout = new PanelLayout((long)group * perGroup * rows.Length, rows, rows.Length);
            var offsets = bias.IsEmpty ? bias : bias.Slice(group * perGroup, perGroup);
            panels[group] = new PackedPanels(oihw, layout, perGroup, offsets);
        }
    }

    public void Dispose()
    {
        Array.ForEach(_panels, panels => panels.Dispose());
        NativeMemory.AlignedFree(_depthwise);
        _depthwise = null;
    }

    private static float* PackDepthwise(ReadOnlySpan<float> oihw, WeightShape shape, ReadOnlySpan<float> bias)
    {
        int taps = shape.KernelHeight * shape.KernelWidth, lanes = SimdSupport.LanesOf(SimdSupport.Current);
        var floats = (shape.OutputChannels + lanes - 1) / lanes * lanes * (taps + 1);
        var packed = (float*)NativeMemory.AlignedAlloc((nuint)(floats * sizeof(float)), 64);
        NativeMemory.Clear(packed, (nuint)(floats * sizeof(float)));
        for (var channel = 0; channel < shape.OutputChannels; channel++)
        {
            var target = packed + (nint)(channel / lanes) * (taps + 1) * lanes + channel % lanes;
            for (var tap = 0; tap < taps; tap++)
            {
                target[tap * lanes] = oihw[channel * taps + tap];
            }

            target[taps * lanes] = bias.IsEmpty ? 0 : bias[channel];
        }

        return packed;
    }
}

/// <summary>Sizes of a convolution's weights.</summary>
public sealed record WeightShape(
    int OutputChannels, int InputChannelsPerGroup, int KernelHeight, int KernelWidth, int Groups);
