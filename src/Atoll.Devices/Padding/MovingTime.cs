namespace Atoll.Devices;

/// <summary>
/// Exponentially weighted mean and variance of launch times, plain averages until enough were seen. A value above twice
/// the mean counts as twice the mean: a pause of the machine says nothing about padding.
/// </summary>
internal struct MovingTime
{
    private double _variance;

    public int Count { get; private set; }

    public double Mean { get; private set; }

    public void Add(double value, double smoothing)
    {
        var weight = Math.Max(smoothing, 1.0 / (Count + 1));
        var difference = (Count > 0 ? Math.Min(value, 2 * Mean) : value) - Mean;
        Mean += weight * difference;
        _variance = (1 - weight) * (_variance + weight * difference * difference);
        Count++;
    }

    /// <summary>Variance of the mean: an average with this smoothing carries about (2 - s) / s values.</summary>
    public readonly double MeanVariance(double smoothing) =>
        Count < 2 ? double.PositiveInfinity : _variance / Math.Min(Count, (2 - smoothing) / smoothing);
}
