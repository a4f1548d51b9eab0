namespace Atoll.Serving.Tests;

public sealed class ClusterSimulationTests
{
    private static readonly SimulationOptions Quick = new()
    {
        Duration = TimeSpan.FromSeconds(5), WarmUp = TimeSpan.FromSeconds(1),
    };

    [Fact]
    public void Equal_gaps_on_one_device_are_all_answered_and_keep_it_half_busy()
    {
        var load = NamedMixes.Of(1, (1e-6, 50, 100, 10));
        var options = Quick with { Arrivals = new() { Kind = ArrivalKind.Uniform } };
        var outcome = ClusterSimulation.Run(load, SchedulingPolicies.Get("nexus"), options);

        Assert.Equal((50L, 1.0), (outcome.Requests.Total, outcome.Requests.GoodShare));
        Assert.Equal(0.5, outcome.DevicesBusy, 2);
        Assert.Equal(1, outcome.MeanBatch);
    }

    [Fact]
    public void The_same_seed_gives_the_same_run_and_another_seed_another()
    {
        var load = NamedMixes.Get("12 unlike models").Scaled(5);
        (long, long, double) Run(int seed)
        {
            var outcome = ClusterSimulation.Run(
                load, SchedulingPolicies.Get("atoll"), Quick with { Seed = seed, HasNoise = true });
            return (outcome.Requests.Good, outcome.Requests.Dropped, outcome.DevicesBusy);
        }

        Assert.Equal(Run(3), Run(3));
        Assert.NotEqual(Run(3), Run(4));
    }

    [Fact]
    public void Every_policy_accounts_for_every_request_in_every_arrival_kind()
    {
        var load = NamedMixes.Get("three classes").Scaled(2);
        var trace = Enumerable.Range(0, 50).Select(i => TimeSpan.FromMilliseconds(i * i)).ToArray();
        foreach (var kind in Enum.GetValues<ArrivalKind>())
        {
            var options = Quick with
            {
                Duration = TimeSpan.FromSeconds(2),
                Arrivals = new()
                {
                    Kind = kind,
                    Traces = load.Sessions.ToDictionary(s => s.Name, _ => (IReadOnlyList<TimeSpan>)trace),
                },
            };
            var totals = SchedulingPolicies.All.Select(
                policy => ClusterSimulation.Run(load, policy, options).Requests.Total).Distinct().ToArray();

            var expected = load.Sessions.Sum(session => session.Rate) * 2;
            var total = Assert.Single(totals);
            Assert.InRange(total, 0.5 * expected, 1.6 * expected);
        }
    }

    [Fact]
    public void Rates_follow_the_steps_and_bursts_keep_the_mean()
    {
        var steps = new ArrivalPattern { Steps = [new(TimeSpan.FromSeconds(10), 3), new(TimeSpan.FromSeconds(20), 0)] };
        var times = Draw(steps, TimeSpan.FromSeconds(100));
        Assert.InRange(times.Count(t => t < TimeSpan.FromSeconds(10)), 9_500, 10_500);
        Assert.InRange(times.Count(t => t >= TimeSpan.FromSeconds(10)), 29_000, 31_000);
        Assert.True(times[^1] < TimeSpan.FromSeconds(20));

        var bursts = Draw(new() { Kind = ArrivalKind.Bursty, BurstFactor = 3 }, TimeSpan.FromSeconds(400));
        Assert.InRange(bursts.Count, 340_000, 460_000);
        var perSecond = bursts.GroupBy(t => (int)t.TotalSeconds).Select(second => (double)second.Count()).ToArray();
        var variance = perSecond.Average(count => Math.Pow(count - perSecond.Average(), 2));
        Assert.True(variance > 100 * perSecond.Average(), $"variance {variance:F0} is not that of bursts");
    }

    [Fact]
    public void A_pipeline_passes_slack_on_and_counts_whole_queries()
    {
        // Detector 60 ms, then two classifiers on average; budgets 60 and 40 ms.
        var load = NamedMixes.Of(4, (2, 10, 60, 0), (1, 8, 40, 0));
        var pipeline = new SimulatedPipeline("traffic", TimeSpan.FromMilliseconds(100), 150,
            [new("s0", StageJoin.All, []), new("s1", StageJoin.All, [new(0, 2.5, 1)])]);
        var planned = load.WithRates(session => session.Name == "s0" ? 150 : 375);
        var options = Quick with { Pipelines = [pipeline] };

        var outcome = ClusterSimulation.Run(planned, SchedulingPolicies.Get("atoll"), options);
        Assert.InRange(outcome.Requests.Total, 600, 900);
        Assert.Equal(["traffic"], outcome.ByName.Keys);
        Assert.True(outcome.Requests.GoodShare > 0.99, $"good {outcome.Requests.GoodShare:P2}");

        var heavy = pipeline with { Rate = 3000 };
        var overloaded = ClusterSimulation.Run(
            planned.Scaled(20), SchedulingPolicies.Get("atoll"), Quick with { Pipelines = [heavy] });
        Assert.Equal(0, overloaded.Requests.Late);
        Assert.True(overloaded.Requests.Dropped > 0);
    }

    [Fact]
    public void A_join_fires_once_both_branches_are_through()
    {
        // Root, two branches of one and three requests, a join that the busier branch feeds: 1 + 1 + 3 + 3 requests.
        var load = NamedMixes.Of(2, (1e-6, 10, 1000, 1), (1e-6, 20, 1000, 1), (1e-6, 1, 1000, 3), (1e-6, 5, 1000, 3));
        var pipeline = new SimulatedPipeline("diamond", TimeSpan.FromSeconds(4), 1,
        [
            new("s0", StageJoin.All, []),
            new("s1", StageJoin.All, [new(0, 1, 1)]),
            new("s2", StageJoin.All, [new(0, 3, 1)]),
            new("s3", StageJoin.All, [new(1, 1, 1), new(2, 1, 1)]),
        ]);
        var tally = new SimulationTally(Quick);
        long id = 0;
        var runs = new PipelineRuns(load, [pipeline], new Random(1), tally, () => id++);
        var next = new List<(int Session, QueuedRequest Request)>();
        runs.Begin(pipeline, TimeSpan.FromSeconds(1.5), next);
        var order = new List<int>();
        for (var i = 0; i < next.Count; i++)
        {
            order.Add(next[i].Session);
            runs.Ended(next[i].Request, TimeSpan.FromSeconds(2), next);
        }

        Assert.Equal([0, 1, 2, 2, 2, 3, 3, 3], order);
        Assert.Equal(1, tally.Outcome().Requests.Good);
        Assert.False(runs.Owns(0));
    }

    [Fact]
    public void A_network_allowance_is_taken_from_the_objective()
    {
        var load = NamedMixes.Of(1, (1e-6, 50, 51, 10));
        var options = Quick with { Arrivals = new() { Kind = ArrivalKind.Uniform } };
        var policy = SchedulingPolicies.Get("clockwork");
        Assert.Equal(1, ClusterSimulation.Run(load, policy, options).Requests.GoodShare);
        var late = ClusterSimulation.Run(load, policy, options with { Network = TimeSpan.FromMilliseconds(2) });
        Assert.Equal(0, late.Requests.Good);
    }

    private static List<TimeSpan> Draw(ArrivalPattern pattern, TimeSpan until)
    {
        var process = new ArrivalProcess(pattern, 1000, new Random(5));
        var times = new List<TimeSpan>();
        for (var at = process.Next(); at < until; at = process.Next())
        {
            times.Add(at);
        }

        return times;
    }
}
