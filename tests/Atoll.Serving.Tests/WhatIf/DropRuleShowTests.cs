namespace Atoll.Serving.Tests;

/// <summary>
/// Early against lazy drop: one device, objective 100 ms, l(25) = 50 ms, Poisson arrivals. The published curves, as an
/// independent simulation of them gives their values; ours must agree within 5 %.
/// </summary>
public sealed class DropRuleShowTests
{
    private const double Tolerance = 0.05;

    private static readonly SimulationOptions Options = new() { Duration = TimeSpan.FromSeconds(60) };

    private static double MaxRate(double alpha, Func<IBatchRule> rule) =>
        MaxRateSearch.Find(Load(alpha), new SharedPolicy(
            "one", load => SharedDevices.Central(load, _ => rule()), _ => new EarliestDeadlineOrder()), Options);

    private static ClusterLoad Load(double alpha, double rate = 100) =>
        Mixes.Equal(1, 1, alpha, 50 - (25 * alpha), rate);

    [Theory]
    [InlineData(1.0, 357, 436)]
    [InlineData(1.2, 370, 443)]
    [InlineData(1.4, 389, 452)]
    [InlineData(1.6, 412, 460)]
    [InlineData(1.8, 441, 471)]
    public void Early_drop_reaches_the_published_rates_and_lazy_drop_falls_behind(
        double alpha, double lazy, double early)
    {
        var measuredLazy = MaxRate(alpha, () => new LazyDropRule(25));
        var measuredEarly = MaxRate(alpha, () => new EarlyDropRule(25));

        Assert.InRange(measuredLazy, lazy * (1 - Tolerance), lazy * (1 + Tolerance));
        Assert.InRange(measuredEarly, early * (1 - Tolerance), early * (1 + Tolerance));
        Assert.True(measuredEarly > 1.05 * measuredLazy, $"early {measuredEarly:F0}, lazy {measuredLazy:F0}");
    }

    [Theory]
    [InlineData(1.2)]
    [InlineData(2)]
    public void Under_overload_early_drop_keeps_its_capacity(double overload)
    {
        const double capacity = 25 / 0.050;
        ClusterLoad load = Load(1, capacity * overload);
        double Goodput(Func<IBatchRule> rule) => ClusterSimulation.Run(load, new SharedPolicy(
            "one", l => SharedDevices.Central(l, _ => rule()), _ => new EarliestDeadlineOrder()), Options).Goodput;

        Assert.True(Goodput(() => new EarlyDropRule(25)) >= 0.95 * capacity);
        Assert.True(Goodput(() => new LazyDropRule(25)) < 0.5 * capacity);
    }
}
