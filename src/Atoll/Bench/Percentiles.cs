namespace Atoll;

/// <summary>Order statistics of measured samples.</summary>
internal static class Percentiles
{
    /// <summary>
    /// The smallest sample that at least a share <paramref name="quantile"/> of all samples do not exceed; 0 of none.
    /// </summary>
    /// <param name="sorted">Ascending.</param>
    public static double Of(ReadOnlySpan<double> sorted, double quantile) =>
        sorted.IsEmpty ? 0 : sorted[Math.Clamp((int)Math.Ceiling(quantile * sorted.Length) - 1, 0, sorted.Length - 1)];

    public static double Median(IEnumerable<double> samples) => Of([.. samples.Order()], 0.5);
}
