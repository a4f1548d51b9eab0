using Atoll.Serving;

namespace Atoll;

/// <summary>The figures of docs/perf on simulated serving, from one seed.</summary>
/// <param name="clock">Measures the dispatcher.</param>
/// <param name="seed">Of arrivals.</param>
/// <param name="isLong">Longer runs and every policy on every mix; else ours and Nexus.</param>
/// <param name="progress">Told, in words, what is done.</param>
internal sealed class SimulatedBench(TimeProvider clock, int seed, bool isLong, Action<string> progress)
{
    private const int SurgeDevices = 100;
    private const double SurgeUtilisation = 0.4;
    private const int SurgeSeed = 7;

    private static readonly double[] Alphas = [1, 1.2, 1.4, 1.6, 1.8];
    private static readonly double[] PartLoads = [0.1, 0.2, 0.4, 0.6, 0.8];
    private static readonly string[] PartLoadMixes = ["4 equal models", "16 equal models"];
    private static readonly string[] PartLoadPolicies = ["atoll", "nexus", "symphony"];

    private readonly SimulationOptions _options = new()
    {
        Seed = seed,
        Duration = TimeSpan.FromSeconds(isLong ? 60 : 10),
    };

    public SimulatedReport Run()
    {
        var mixes = NamedMixes.All.SelectMany(Mix).ToList();
        return new(BenchJson.Machine, seed, [.. Alphas.Select(DropRule)], mixes,
            [.. PartLoadMixes.SelectMany(mix => PartLoad(mix, mixes))], Surge());
    }

    private DropRuleRow DropRule(double alpha)
    {
        progress($"drop rules, alpha {alpha}");
        var options = _options with { Duration = 4 * _options.Duration };
        double Goodput(double overload) =>
            DropRuleScenario.Goodput(isEarly: true, alpha, overload * DropRuleScenario.Capacity, options);
        return new(alpha, DropRuleScenario.MaxRate(isEarly: false, alpha, options),
            DropRuleScenario.MaxRate(isEarly: true, alpha, options), Goodput(1.2), Goodput(2));
    }

    private IEnumerable<MixRow> Mix(string mix)
    {
        var load = NamedMixes.Get(mix);
        var unit = MaxRateSearch.TotalRate(load, _options);
        var policies = SchedulingPolicies.All.Where(policy => isLong || policy.Name is "atoll" or "nexus").ToList();
        var rates = policies.ToDictionary(policy => policy.Name, policy =>
        {
            progress($"{mix}, {policy.Name}");
            return MaxRateSearch.Find(load, policy, _options);
        });
        foreach (var policy in policies)
        {
            double Goodput(double overload) => ClusterSimulation.Run(
                load.Scaled(overload * rates["atoll"] / unit), policy, _options).Goodput;
            var rate = rates[policy.Name];
            yield return new(mix, policy.Name, rate, rate / rates["nexus"], Goodput(1.2), Goodput(2));
        }
    }

    private IEnumerable<PartLoadRow> PartLoad(string mix, IEnumerable<MixRow> mixes)
    {
        var most = mixes.First(row => row.Mix == mix && row.Policy == "atoll").MaxRate;
        var load = NamedMixes.Get(mix);
        foreach (var part in PartLoads)
        {
            foreach (var name in PartLoadPolicies)
            {
                progress($"{mix} at {part:P0}, {name}");
                var outcome = ClusterSimulation.Run(
                    load.Scaled(part * most / MaxRateSearch.TotalRate(load, _options)), SchedulingPolicies.Get(name),
                    _options with { Clock = clock });
                yield return new(mix, name, part, outcome.Requests.GoodShare, outcome.DevicesBusy, outcome.MeanBatch,
                    outcome.DispatchMicroseconds);
            }
        }
    }

    private SurgeRow Surge()
    {
        progress("surge on 100 devices");
        var outcome = ClusterSimulation.Run(
            SurgeScenario.Load(SurgeDevices, SurgeUtilisation, SurgeSeed), SchedulingPolicies.Get("atoll"),
            SurgeScenario.Options with { Seed = seed, Clock = clock });
        var surge = SurgeScenario.Measure(outcome);
        return new(SurgeDevices, surge.AbsorbedSeconds, surge.BadShare, surge.DevicesBefore, surge.DevicesDuring,
            surge.DevicesAfter, outcome.Plans, outcome.DispatchMicroseconds);
    }
}
