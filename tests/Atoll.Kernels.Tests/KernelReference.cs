namespace Atoll.Kernels.Tests;

/// <summary>The plainest possible code for what kernels compute, on dense arrays, with sums in double.</summary>
internal static class KernelReference
{
    /// <summary>x [N, H, W, C], weights [O, I, KH, KW].</summary>
    public static float[] Convolve(float[] x, int[] xs, float[] w, int[] ws, float[] bias, ConvolutionGeometry g,
        int groups)
    {
        int height = g.OutputHeight(xs[1], ws[2]), width = g.OutputWidth(xs[2], ws[3]);
        int perGroup = ws[0] / groups;
        var y = new List<float>();
        foreach (var (n, oy, ox) in Pixels(xs[0], height, width))
        {
            for (var o = 0; o < ws[0]; o++)
            {
                double sum = bias.Length > 0 ? bias[o] : 0;
                for (var k = 0; k < ws[1] * ws[2] * ws[3]; k++)
                {
                    var (i, ky, kx) = (k / (ws[2] * ws[3]), k / ws[3] % ws[2], k % ws[3]);
                    int iy = oy * g.StrideHeight - g.PadTop + ky * g.DilationHeight;
                    int ix = ox * g.StrideWidth - g.PadLeft + kx * g.DilationWidth;
                    if (iy >= 0 && iy < xs[1] && ix >= 0 && ix < xs[2])
                    {
                        var channel = o / perGroup * ws[1] + i;
                        sum += (double)x[((n * xs[1] + iy) * xs[2] + ix) * xs[3] + channel]
                            * w[o * ws[1] * ws[2] * ws[3] + k];
                    }
                }

                y.Add((float)sum);
            }
        }

        return [.. y];
    }

    public static float[] Pool(float[] x, int[] xs, int kernelHeight, int kernelWidth, ConvolutionGeometry g,
        string kind)
    {
        int height = g.OutputHeight(xs[1], kernelHeight), width = g.OutputWidth(xs[2], kernelWidth);
        var y = new List<float>();
        foreach (var (n, oy, ox) in Pixels(xs[0], height, width))
        {
            for (var c = 0; c < xs[3]; c++)
            {
                var (sum, top, inside, padded) = (0.0, float.NegativeInfinity, 0, 0);
                for (var k = 0; k < kernelHeight * kernelWidth; k++)
                {
                    int iy = oy * g.StrideHeight - g.PadTop + k / kernelWidth * g.DilationHeight;
                    int ix = ox * g.StrideWidth - g.PadLeft + k % kernelWidth * g.DilationWidth;
                    padded += iy < xs[1] + g.PadBottom && ix < xs[2] + g.PadRight ? 1 : 0;
                    if (iy >= 0 && iy < xs[1] && ix >= 0 && ix < xs[2])
                    {
                        var value = x[((n * xs[1] + iy) * xs[2] + ix) * xs[3] + c];
                        (sum, top, inside) = (sum + value, Math.Max(top, value), inside + 1);
                    }
                }

                y.Add(kind == "max" ? top : (float)(sum / (kind == "border" ? padded : inside)));
            }
        }

        return [.. y];
    }

    /// <summary>[m, k] times [k, n].</summary>
    public static float[] Multiply(float[] a, float[] b, int m, int k, int n)
    {
        var y = new float[m * n];
        for (var i = 0; i < m * n; i++)
        {
            y[i] = (float)Enumerable.Range(0, k).Sum(l => (double)a[i / n * k + l] * b[l * n + i % n]);
        }

        return y;
    }

    public static float[] Softmax(float[] row)
    {
        var top = row.Max();
        var sum = row.Sum(value => Math.Exp(value - top));
        return [.. row.Select(value => (float)(Math.Exp(value - top) / sum))];
    }

    public static float Activate(Activation activation, float x) => activation.Kind switch
    {
        ActivationKind.None => x,
        ActivationKind.Relu => Math.Max(0, x),
        ActivationKind.Clip => Math.Clamp(x, activation.Alpha, activation.Beta),
        ActivationKind.Sigmoid => (float)(1 / (1 + Math.Exp(-x))),
        ActivationKind.Tanh => (float)Math.Tanh(x),
        ActivationKind.Silu => (float)(x / (1 + Math.Exp(-x))),
        ActivationKind.LeakyRelu => x < 0 ? x * activation.Alpha : x,
        ActivationKind.Gelu => (float)(x * 0.5 * (1 + Erf(x / Math.Sqrt(2)))),
        ActivationKind.GeluTanh =>
            (float)(0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
        ActivationKind.HardSigmoid => Math.Clamp(activation.Alpha * x + activation.Beta, 0, 1),
        ActivationKind.HardSwish => x * Math.Clamp(x / 6 + 0.5f, 0, 1),
        ActivationKind.Elu => x < 0 ? (float)(activation.Alpha * (Math.Exp(x) - 1)) : x,
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    /// <summary>Maclaurin series below 3, continued fraction above (Abramowitz and Stegun 7.1.5, 7.1.14).</summary>
    public static double Erf(double x)
    {
        if (Math.Abs(x) < 3)
        {
            double term = x, sum = x;
            for (var n = 1; n < 100; n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }

            return sum * 2 / Math.Sqrt(Math.PI);
        }

        var fraction = 0.0;
        for (var n = 60; n > 0; n--)
        {
            fraction = n / 2.0 / (Math.Abs(x) + fraction);
        }

        return Math.CopySign(1, x) * (1 - Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (Math.Abs(x) + fraction));
    }

    private static IEnumerable<(int N, int Y, int X)> Pixels(int images, int height, int width) =>
        from n in Enumerable.Range(0, images) from y in Enumerable.Range(0, height)
        from x in Enumerable.Range(0, width) select (n, y, x);
}
