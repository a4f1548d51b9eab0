namespace Atoll.Kernels;

/// <summary>
/// Filters of 3x3 in Winograd's form F(4x4, 3x3) (Lavin and Gray 2015): each becomes 36 values G g Gᵀ, computed in
/// double precision and packed as 36 matrices [inputs, outputs]. Four times the memory of the filters. Owns native
/// memory: dispose it after the programs that use it.
/// </summary>
public sealed class WinogradWeights : IDisposable
{
    /// <summary>Values of a transformed filter or input tile: 6 x 6.</summary>
    internal const int Points = 36;

    private const int Side = 6;
    private const int Taps = 9;

    private static readonly double[,] G =
    {
        { 1 / 4.0, 0, 0 }, { -1 / 6.0, -1 / 6.0, -1 / 6.0 }, { -1 / 6.0, 1 / 6.0, -1 / 6.0 },
        { 1 / 24.0, 1 / 12.0, 1 / 6.0 }, { 1 / 24.0, -1 / 12.0, 1 / 6.0 }, { 0, 0, 1 },
    };

    private WinogradWeights(PackedPanels panels) => Panels = panels;

    public int InputChannels => Panels.K / Points;

    public int OutputChannels => Panels.N;

    /// <summary>Panels [point][input][output].</summary>
    internal PackedPanels Panels { get; }

    /// <param name="oihw">Weights [outputs, inputs, 3, 3].</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="bias">One value per output channel, or empty.</param>
    public static WinogradWeights Pack(ReadOnlySpan<float> oihw, int outputs, int inputs, ReadOnlySpan<float> bias)
    {
        if (oihw.Length != (long)outputs * inputs * Taps)
        {
            throw new ArgumentException($"{oihw.Length} weights are not {outputs} x {inputs} filters of 3 x 3");
        }

        var transformed = new float[checked(Points * inputs * outputs)];
        Span<double> filter = stackalloc double[Points];
        for (var input = 0; input < inputs; input++)
        {
            for (var output = 0; output < outputs; output++)
            {
                Transform(oihw.Slice(((output * inputs) + input) * Taps, Taps), filter);
                for (var point = 0; point < Points; point++)
                {
                    transformed[(((point * inputs) + input) * outputs) + output] = (float)filter[point];
                }
            }
        }

        var rows = new long[Points * inputs];
        for (var row = 0; row < rows.Length; row++)
        {
            rows[row] = (long)row * outputs;
        }

        return new WinogradWeights(new PackedPanels(transformed, rows, 1, outputs, bias));
    }

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
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(output);
        if (groups != 1 || weights is not [var outputs, var inputs, 3, 3] || !CanUse(g) ||
            inputs % 16 != 0 || outputs % 16 != 0)
        {
            return false;
        }

        // Nanoseconds at 100 GFLOP/s and, for weights that do not stay in a near cache, 20 GB/s.
        var tiles = (double)output[0] * ((output[1] + 3) / 4) * ((output[2] + 3) / 4);
        var direct = 2.0 * Taps * output[0] * output[1] * output[2] * inputs * outputs / 100;
        var weightBytes = 4.0 * Points * inputs * outputs;
        var reading = weightBytes > 512 << 10 ? weightBytes / 20 : 0;
        var multiplying = Math.Max(2.0 * Points * tiles * inputs * outputs / 90, reading);
        var transforming = tiles * (inputs + outputs) * 5;
        return multiplying + transforming < 0.8 * direct;
    }

    internal static bool CanUse(ConvolutionGeometry g) =>
        g is { StrideHeight: 1, StrideWidth: 1, DilationHeight: 1, DilationWidth: 1 };

    public void Dispose() => Panels.Dispose();

    private static void Transform(ReadOnlySpan<float> g, Span<double> result)
    {
        Span<double> half = stackalloc double[Side * 3];
        for (var row = 0; row < Side; row++)
        {
            for (var column = 0; column < 3; column++)
            {
                half[(row * 3) + column] =
                    (G[row, 0] * g[column]) + (G[row, 1] * g[3 + column]) + (G[row, 2] * g[6 + column]);
            }
        }

        for (var row = 0; row < Side; row++)
        {
            var line = half.Slice(row * 3, 3);
            for (var column = 0; column < Side; column++)
            {
                result[(row * Side) + column] =
                    (line[0] * G[column, 0]) + (line[1] * G[column, 1]) + (line[2] * G[column, 2]);
            }
        }
    }
}
