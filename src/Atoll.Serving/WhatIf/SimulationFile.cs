namespace Atoll.Serving;

/// <summary>
/// What `atoll simulate` reads: a planning file, with the optional sections "arrivals" and "simulation"
/// (docs/design/planning.md).
/// </summary>
/// <param name="Load">Sessions, those of query stages included, and devices.</param>
/// <param name="Options">Arrivals, queries, duration, epochs.</param>
/// <param name="Policies">The policies to compare; all of them when the file names none.</param>
public sealed record SimulationFile(
    ClusterLoad Load, SimulationOptions Options, IReadOnlyList<ISchedulingPolicy> Policies)
{
    private const double MaxSeconds = 86_400;
    private const double MaxMs = 1e9;
    private const int StepsMax = 10_000;

    /// <exception cref="ServingException">Something in the file is wrong; the message names line and key.</exception>
    public static SimulationFile Read(string path)
    {
        var plan = PlanFileReader.Read(path);
        var written = plan.ToRequest();
        var request = ModelPartitioning.Apply(written, out _);
        var cut = written.Sessions.Where(session => !request.Sessions.Contains(session));
        SimulatedPipeline[] pipelines =
        [
            .. plan.Split().Select(SimulatedPipeline.Of),
            .. cut.Select(session => Chain(session, request.Sessions)),
        ];
        var source = plan.Source;
        var options = Simulation(source.Find("simulation")) with
        {
            Pipelines = pipelines,
            Arrivals = Arrivals(source.Find("arrivals"), Path.GetDirectoryName(path) ?? ""),
        };
        return new(new ClusterLoad(request), options, Chosen(source.Find("simulation")?.Find("policies")));
    }

    /// <summary>A session whose model is cut into stages runs them one after the other.</summary>
    private static SimulatedPipeline Chain(SessionSpec session, IReadOnlyList<SessionSpec> sessions) => new(
        session.Name, session.Objective, session.Rate,
        [.. sessions.Where(stage => stage.Name.StartsWith(session.Name + "/", StringComparison.Ordinal)).Select(
            (stage, i) => new SimulatedStage(stage.Name, StageJoin.All, i == 0 ? [] : [new(i - 1, 1, 1)]))]);

    private static IReadOnlyList<ISchedulingPolicy> Chosen(YamlSource? source) => source is null
        ? SchedulingPolicies.All
        : [.. source.Items().Select(item => SchedulingPolicies.All.FirstOrDefault(p => p.Name == item.Text())
            ?? throw item.Error($"'{item.Text()}' is no policy; there are: " +
                string.Join(", ", SchedulingPolicies.All.Select(policy => policy.Name))))];

    private static SimulationOptions Simulation(YamlSource? source)
    {
        var options = new SimulationOptions();
        if (source is null)
        {
            return options;
        }

        source.Allow("duration_s", "warm_up_s", "seed", "noise", "network_ms", "epochs", "policies");
        return options with
        {
            Duration = Seconds(source, "duration_s", 1, options.Duration),
            WarmUp = Seconds(source, "warm_up_s", 0, options.WarmUp),
            Seed = source.Whole("seed", 0, int.MaxValue, options.Seed),
            HasNoise = source.Flag("noise"),
            Network = Durations.FromMilliseconds(source.Number("network_ms", 0, MaxMs, 0)),
            Epochs = source.Find("epochs") is { } epochs ? Epochs(epochs) : null,
        };
    }

    private static EpochOptions Epochs(YamlSource source)
    {
        source.Allow("period_s", "check_ms", "rise", "fall", "headroom", "rest_ms", "loading_ms");
        var options = new EpochOptions();
        TimeSpan Ms(string key, double least, TimeSpan absent) =>
            Durations.FromMilliseconds(source.Number(key, least, MaxMs, absent.TotalMilliseconds));
        return options with
        {
            Period = Seconds(source, "period_s", 1, options.Period),
            Check = Ms("check_ms", 10, options.Check),
            Rise = source.Number("rise", 1, 100, options.Rise),
            Fall = source.Number("fall", 0, 1, options.Fall),
            Headroom = source.Number("headroom", 1, 100, options.Headroom),
            Rest = Ms("rest_ms", 10, options.Rest),
            Loading = Ms("loading_ms", 0, options.Loading),
        };
    }

    private static ArrivalPattern Arrivals(YamlSource? source, string folder)
    {
        var pattern = ArrivalPattern.Poisson;
        if (source is null)
        {
            return pattern;
        }

        source.Allow("kind", "burst_factor", "burst_share", "burst_s", "steps", "traces");
        var kind = source.Text("kind", "poisson");
        return pattern with
        {
            Kind = Enum.GetValues<ArrivalKind>().Where(value => Name(value) == kind)
                .Select(value => (ArrivalKind?)value)
                .FirstOrDefault() ?? throw source.Get("kind").Error(
                    $"'{kind}' is not one of " + string.Join(", ", Enum.GetValues<ArrivalKind>().Select(Name))),
            BurstFactor = source.Number("burst_factor", 1.001, 1000, pattern.BurstFactor),
            BurstShare = source.Number("burst_share", 0.001, 0.999, pattern.BurstShare),
            BurstLength = Seconds(source, "burst_s", 0.001, pattern.BurstLength),
            Steps = Steps(source),
            Traces = source.Items("traces").ToDictionary(
                item => item.Text("session"), item => TraceFile.Read(Path.Combine(folder, item.Text("file")))),
        };
    }

    private static List<RateStep> Steps(YamlSource source)
    {
        var steps = new List<RateStep>();
        foreach (var item in source.Items("steps"))
        {
            item.Allow("at_s", "factor");
            var step = new RateStep(
                TimeSpan.FromSeconds(item.Number("at_s", 0, MaxSeconds)), item.Number("factor", 0, 1000));
            if (steps.Count == StepsMax || (steps.Count > 0 && step.At <= steps[^1].At))
            {
                throw item.Error($"must come after the step before it, and there may be {StepsMax} steps");
            }

            steps.Add(step);
        }

        return steps;
    }

    private static string Name(ArrivalKind kind) => kind switch
    {
        ArrivalKind.Poisson => "poisson",
        ArrivalKind.Uniform => "uniform",
        ArrivalKind.Bursty => "bursty",
        _ => "trace",
    };

    private static TimeSpan Seconds(YamlSource source, string key, double least, TimeSpan absent) =>
        TimeSpan.FromSeconds(source.Number(key, least, MaxSeconds, absent.TotalSeconds));
}
