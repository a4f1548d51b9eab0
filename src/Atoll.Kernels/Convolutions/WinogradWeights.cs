namespace Atoll.Kernels;

/// <summary>
/// Filters of 3x3 in Winograd's form F(4x4, 3x3) (Lavin and Gray 2015): each becomes 36 values G g Gᵀ,
/// packed as 36 matrices [inputs, outputs]. Four times the memory of the filters. Owns native
/// memory: dispose it after the programs that use it.
/// </summary>
public sealed unsafe class WinogradWeights : IPackedWeights
{
    /// <summary>Values of a transformed filter or input tile: 6 x 6.</summary>
    internal const int Points = 36;

    private const int Side = 6;
    private const int Taps = 9;

    private WinogradWeights(PackedPanels panels) => Panels = panels;

    public int InputChannels => Panels.K / Points;

    public int OutputChannels => Panels.N;

    /// <inheritdoc/>
    public long Bytes => Panels.Bytes;

    /// <summary>Panels [point][input][output].</summary>
    internal PackedPanels Panels { get; }

    /// <param name="oihw">Weights [outputs, inputs, 3, 3].</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="bias">One value per output channel, or empty.</param>
    public static WinogradWeights Pack(ReadOnlySpan<float> oihw, int outputs, int inputs, ReadOnlySpan<float> bias)
    {
        fixed (float* values = oihw)
        {
            return Pack(new MemoryFloats(values, oihw.Length), outputs, inputs, bias);
        }
    }

    /// <summary>The same, of weights that are read piece by piece.</summary>
    public static WinogradWeights Pack(FloatSource oihw, int outputs, int inputs, ReadOnlySpan<float> bias)
    {
        ArgumentNullException.ThrowIfNull(oihw);
        if (oihw.Count != (long)outputs * inputs * Taps)
        {
            throw new ArgumentException($"{oihw.Count} weights are not {outputs} x {inputs} filters of 3 x 3");
        }

        var panels = new PackedPanels(checked(Points * inputs), outputs, bias);
        try
        {
            Fill(panels, oihw, inputs);
            return new WinogradWeights(panels);
        }
        catch
        {
            // The source's file has changed.
            panels.Dispose();
            throw;
        }
    }

    private static void Fill(PackedPanels panels, FloatSource oihw, int inputs)
    {
        for (var panel = 0; panel < panels.Count; panel++)
        {
            var perColumn = (long)inputs * Taps;
            var filters = oihw.Read(
                panel * panels.FullWidth * perColumn, checked((int)(panels.Columns(panel) * perColumn)));
            switch (panels.Level)
            {
                case SimdLevel.Vector512: Fill<Lanes16>(panels, panel, filters, inputs); break;
                case SimdLevel.Vector256: Fill<Lanes8>(panels, panel, filters, inputs); break;
                default: Fill<Lanes1>(panels, panel, filters, inputs); break;
            }
        }
    }

    /// <summary>Modelled advantage from which on the transform is taken.</summary>
    public const double AdvantageMin = 1.25;

    /// <summary>
    /// Whether the transform should beat the direct form: by arithmetic, as long as the fourfold weights are read fast
    /// enough and whole registers of channels are transformed.
    /// </summary>
    /// <param name="weights">[outputs, inputs per group, height, width].</param>
    /// <param name="groups">Groups of channels.</param>
    /// <param name="g">Strides, borders and dilations.</param>
    /// <param name="output">[N, H, W, C] of the result.</param>
    public static bool Pays(IReadOnlyList<long> weights, int groups, ConvolutionGeometry g, IReadOnlyList<int> output)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(output);
        return Fits(weights, groups, g) && Advantage(weights[1], weights[0], output) > AdvantageMin;
    }

    /// <summary>Whether the form exists for such filters and whole registers of channels are transformed.</summary>
    /// <param name="weights">[outputs, inputs per group, height, width].</param>
    /// <param name="groups">Groups of channels.</param>
    /// <param name="g">Strides, borders and dilations.</param>
    public static bool Fits(IReadOnlyList<long> weights, int groups, ConvolutionGeometry g)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(g);
        return groups == 1 && weights is [var outputs, var inputs, 3, 3] && CanUse(g) &&
            inputs % 16 == 0 && outputs % 16 == 0;
    }

    /// <summary>Modelled time of the direct form over that of the transformed one.</summary>
    /// <param name="inputs">Input channels.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="output">[N, H, W, C] of the result.</param>
    public static double Advantage(long inputs, long outputs, IReadOnlyList<int> output)
    {
        ArgumentNullException.ThrowIfNull(output);

        // Nanoseconds at 100 GFLOP/s and, for weights that do not stay in a near cache, 20 GB/s.
        var tiles = (double)output[0] * ((output[1] + 3) / 4) * ((output[2] + 3) / 4);
        var direct = 2.0 * Taps * output[0] * output[1] * output[2] * inputs * outputs / 100;
        var weightBytes = 4.0 * Points * inputs * outputs;
        var reading = weightBytes > 512 << 10 ? weightBytes / 20 : 0;
        var multiplying = Math.Max(2.0 * Points * tiles * inputs * outputs / 90, reading);
        var transforming = tiles * (inputs + outputs) * 5;
        return direct / (multiplying + transforming);
    }

    internal static bool CanUse(ConvolutionGeometry g) =>
        g is { StrideHeight: 1, StrideWidth: 1, DilationHeight: 1, DilationWidth: 1 };

    public void Dispose() => Panels.Dispose();

    /// <summary>One panel: per input channel, a register of filters at a time.</summary>
    private static void Fill<T>(PackedPanels panels, int panel, ReadOnlySpan<float> filters, int inputs)
        where T : struct, ILanes<T>
    {
        int width = panels.Width(panel), columns = panels.Columns(panel);
        var taps = stackalloc float[Taps * 32];
        new Span<float>(taps, Taps * 32).Clear();
        var half = stackalloc float[Side * 3 * 16];
        for (var input = 0; input < inputs; input++)
        {
            for (var column = 0; column < columns; column++)
            {
                var filter = filters.Slice((column * inputs + input) * Taps, Taps);
                for (var tap = 0; tap < Taps; tap++)
                {
                    taps[(tap * width) + column] = filter[tap];
                }
            }

            for (var column = 0; column < width; column += T.Count)
            {
                var target = panels.Panel(panel) + ((nint)input * width) + column;
                Transform<T>(taps + column, width, half, target, (nint)inputs * width);
            }
        }
    }

    /// <summary>G g Gᵀ of a register of filters; points lie a pitch apart.</summary>
    private static void Transform<T>(float* taps, int width, float* half, float* target, nint pitch)
        where T : struct, ILanes<T>
    {
        for (var column = 0; column < 3; column++)
        {
            T g0 = T.Load(taps + (column * width)), g1 = T.Load(taps + ((3 + column) * width));
            Line(g0, g1, T.Load(taps + ((6 + column) * width)), half + (column * T.Count), 3 * T.Count);
        }

        for (var row = 0; row < Side; row++)
        {
            var line = half + (row * 3 * T.Count);
            Line(T.Load(line), T.Load(line + T.Count), T.Load(line + (2 * T.Count)), target + (row * Side * pitch),
                pitch);
        }
    }

    // (1/4, 0, 0), -(1, 1, 1)/6, -(1, -1, 1)/6, (1/24, 1/12, 1/6), (1/24, -1/12, 1/6), (0, 0, 1).
    private static void Line<T>(T g0, T g1, T g2, float* target, nint step) where T : struct, ILanes<T>
    {
        T sixth = T.Create(1 / 6f), twelfth = T.Create(1 / 12f);
        T outer = (g0 + g2) * sixth, middle = g1 * sixth;
        T even = T.Fma(g0, T.Create(1 / 24f), g2 * sixth), odd = g1 * twelfth;
        T.Store(g0 * T.Create(0.25f), target);
        T.Store(T.Create(0f) - (outer + middle), target + step);
        T.Store(middle - outer, target + (2 * step));
        T.Store(even + odd, target + (3 * step));
        T.Store(even - odd, target + (4 * step));
        T.Store(g2, target + (5 * step));
    }
}
