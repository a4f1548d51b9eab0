namespace Atoll.Serving;

/// <summary>
/// The highest rate at which a policy keeps its promise: all rates of a load are scaled together until fewer than 99 %
/// of the requests end within their objective. The plan is made once, for the most that the policy can plan on the
/// devices, so every device takes part.
/// </summary>
public static class MaxRateSearch
{
    /// <summary>Part of the requests that must end within their objective.</summary>
    public const double GoodShare = 0.99;

    /// <summary>The search ends when the bounds are this close.</summary>
    private const double Precision = 0.004;

    private const double FactorMax = 1 << 20;

    /// <summary>Requests (and queries) per second over all sessions; 0 when no rate keeps the promise.</summary>
    /// <param name="load">The mix; only the ratios of its rates matter.</param>
    /// <param name="policy">Plans and dispatches.</param>
    /// <param name="options">One run; epochs are left out.</param>
    /// <param name="progress">Told of every run: the rate, and the part within objective.</param>
    public static double Find(
        ClusterLoad load,
        ISchedulingPolicy policy,
        SimulationOptions options,
        Action<double, double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(options);
        var total = TotalRate(load, options);
        if (total <= 0)
        {
            return 0;
        }

        var plan = policy.Plan(load, fill: true);
        bool Holds(double factor)
        {
            var share = ClusterSimulation.Run(
                load.Scaled(factor), policy, plan, Scaled(options, factor)).Requests.GoodShare;
            progress?.Invoke(total * factor, share);
            return share >= GoodShare;
        }

        var (low, high) = Bracket(Holds);
        while (low > 0 && high - low > Precision * low)
        {
            var middle = (low + high) / 2;
            (low, high) = Holds(middle) ? (middle, high) : (low, middle);
        }

        return total * low;
    }

    /// <summary>What users ask for per second: sessions outside of pipelines, and pipelines.</summary>
    public static double TotalRate(ClusterLoad load, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(options);
        var stages =
            options.Pipelines.SelectMany(pipeline => pipeline.Stages).Select(stage => stage.Session).ToHashSet();
        return load.Sessions.Where(session => !stages.Contains(session.Name)).Sum(session => session.Rate) +
            options.Pipelines.Sum(pipeline => pipeline.Rate);
    }

    private static SimulationOptions Scaled(SimulationOptions options, double factor) => options with
    {
        Epochs = null,
        Clock = null,
        Pipelines = [.. options.Pipelines.Select(pipeline => pipeline with { Rate = pipeline.Rate * factor })],
    };

    private static (double Low, double High) Bracket(Func<double, bool> holds)
    {
        const double step = 1.25;
        var factor = 1.0;
        if (holds(factor))
        {
            while (factor < FactorMax && holds(factor * step))
            {
                factor *= step;
            }

            return (factor, factor * step);
        }

        while (factor > 1 / FactorMax && !holds(factor / step))
        {
            factor /= step;
        }

        return factor <= 1 / FactorMax ? (0, 0) : (factor / step, factor);
    }
}
