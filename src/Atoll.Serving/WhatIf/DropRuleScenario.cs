namespace Atoll.Serving;

/// <summary>
/// Early against lazy drop, as the Nexus paper compares them: one device, objective 100 ms, l(25) = 50 ms whatever the
/// cost per item, Poisson arrivals.
/// </summary>
public static class DropRuleScenario
{
    private const int Batch = 25;

    /// <summary>Requests per second of the device that runs full batches back to back.</summary>
    public const double Capacity = Batch / 0.050;

    /// <summary>Highest rate with 99 % within objective.</summary>
    /// <param name="isEarly">Early drop; else lazy drop.</param>
    /// <param name="alphaMs">Milliseconds per item of a batch.</param>
    /// <param name="options">Duration and seed.</param>
    public static double MaxRate(bool isEarly, double alphaMs, SimulationOptions options) =>
        MaxRateSearch.Find(Load(alphaMs, Capacity / 2), Policy(isEarly), options);

    /// <summary>Requests per second within objective when <paramref name="rate"/> arrive.</summary>
    public static double Goodput(bool isEarly, double alphaMs, double rate, SimulationOptions options) =>
        ClusterSimulation.Run(Load(alphaMs, rate), Policy(isEarly), options).Goodput;

    private static ClusterLoad Load(double alphaMs, double rate) =>
        NamedMixes.Of(1, (alphaMs, 50 - (Batch * alphaMs), 100, rate));

    private static SharedPolicy Policy(bool isEarly) => new(
        isEarly ? "early-drop" : "lazy-drop",
        load => SharedDevices.Central(load, _ => isEarly ? new EarlyDropRule(Batch) : new LazyDropRule(Batch)),
        _ => new EarliestDeadlineOrder());
}
