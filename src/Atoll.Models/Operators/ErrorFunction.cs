namespace Atoll.Models;

/// <summary>
/// The error function to nearly double precision: its series near zero, the continued fraction of erfc beyond.
/// </summary>
internal static class ErrorFunction
{
    public static double Erf(double x)
    {
        var size = Math.Abs(x);
        if (double.IsNaN(x))
        {
            return x;
        }
        return Math.CopySign(size < 2.5 ? Series(size) : size > 6 ? 1 : 1 - ContinuedFraction(size), x);
    }

    /// <summary>erf x = 2/√π · e^(−x²) · Σ 2^n x^(2n+1) / (1·3·…·(2n+1)); all terms are positive.</summary>
    private static double Series(double x)
    {
        var term = x;
        var sum = x;
        for (var n = 1; term > sum * 1e-17 && n < 200; n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>erfc x = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))).</summary>
    private static double ContinuedFraction(double x)
    {
        var tail = x;
        for (var k = 60; k >= 1; k--)
        {
            tail = x + k / 2.0 / tail;
        }
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / tail;
    }
}
