namespace Atoll.Serving.Tests;

/// <summary>
/// Early against lazy drop: one device, objective 100 ms, l(25) = 50 ms, Poisson arrivals. The published curves, as an
/// independent simulation of them gives their values; ours must agree within 5 %.
/// </summary>
public sealed class DropRuleShowTests
{
    private const double Tolerance = 0.05;

    private static readonly SimulationOptions Options = new() { Duration = TimeSpan.FromSeconds(60) };

    [Theory]
    [InlineData(1.0, 357, 436)]
    [InlineData(1.2, 370, 443)]
    [InlineData(1.4, 389, 452)]
    [InlineData(1.6, 412, 460)]
    [InlineData(1.8, 441, 471)]
    public void Early_drop_reaches_the_published_rates_and_lazy_drop_falls_behind(
        double alpha, double lazy, double early)
    {
        var measuredLazy = DropRuleScenario.MaxRate(isEarly: false, alpha, Options);
        var measuredEarly = DropRuleScenario.MaxRate(isEarly: true, alpha, Options);

        Assert.InRange(measuredLazy, lazy * (1 - Tolerance), lazy * (1 + Tolerance));
        Assert.InRange(measuredEarly, early * (1 - Tolerance), early * (1 + Tolerance));
        Assert.True(measuredEarly > 1.05 * measuredLazy, $"early {measuredEarly:F0}, lazy {measuredLazy:F0}");
    }

    [Theory]
    [InlineData(1.2)]
    [InlineData(2)]
    public void Under_overload_early_drop_keeps_its_capacity(double overload)
    {
        const double capacity = DropRuleScenario.Capacity;
        var early = DropRuleScenario.Goodput(isEarly: true, 1, capacity * overload, Options);
        var lazy = DropRuleScenario.Goodput(isEarly: false, 1, capacity * overload, Options);

        Assert.True(early >= 0.95 * capacity, $"early {early:F0} of {capacity:F0}");
        Assert.True(lazy < 0.5 * capacity, $"lazy {lazy:F0} of {capacity:F0}");
    }
}
