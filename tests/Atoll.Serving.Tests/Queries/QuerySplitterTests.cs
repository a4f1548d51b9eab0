namespace Atoll.Serving.Tests;

/// <summary>Dividing an objective: the published table, three ways to the same answer, clear refusals.</summary>
public sealed class QuerySplitterTests
{
    private static readonly IReadOnlyList<DeviceKind> Gpu = [new DeviceKind("gpu", 8)];

    [Theory]
    [InlineData(0.1, 192.3, 235.3, 272.7)]
    [InlineData(1, 142.9, 153.8, 150.0)]
    [InlineData(10, 40.0, 34.5, 27.3)]
    public void The_published_table_of_splits_is_met_and_its_best_is_chosen(
        double gamma, double at40, double at50, double at60)
    {
        double[] rates = [at40, at50, at60];
        var profiles = new ProfileTable(
        [
            Points("X", (16, 40), (25, 50), (36, 60)), // 200, 250, 300 requests/s, twice
            Points("Y", (24, 40), (40, 50), (60, 60)), // 300, 400, 500 requests/s, twice
        ]);
        var query = new QueryBuilder("q", TimeSpan.FromMilliseconds(100), 1)
            .Stage("X", "X").Stage("Y", "Y").Edge("X", "Y", gamma).Build();
        for (var i = 0; i < 3; i++)
        {
            var x = TimeSpan.FromMilliseconds(40 + (10 * i));
            var y = TimeSpan.FromMilliseconds(100) - x;
            var devices = (1 / BestRate(profiles, "X", x)) + (gamma / BestRate(profiles, "Y", y));
            Assert.Equal(rates[i], 1 / devices / 2, 1);
        }

        foreach (var steps in new[] { 0, 10 })
        {
            var split = QuerySplitter.Split(query, profiles, Gpu, BudgetRule.Execution, steps);
            Assert.Equal(rates.Max(), 1 / split.Devices / 2, 1);
            var best = 40 + (10 * Array.IndexOf(rates, rates.Max()));
            Assert.Equal([best, 100.0 - best], split.Stages.Select(stage => stage.Budget.TotalMilliseconds));
        }
    }

    [Fact]
    public void Tree_program_graph_search_and_all_combinations_agree_on_random_trees()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var (query, profiles) = RandomQuery(random, random.Next(2, 6), isTree: true);
            Assert.True(query.IsTree);
            var options = StageOptions.Of(query, profiles, Gpu, BudgetRule.Execution);
            if (Shortest(query, options) > query.Objective.TotalMilliseconds)
            {
                continue;
            }

            var best = AllCombinations(query, options);
            var graph = QuerySplitter.Split(query, profiles, Gpu, BudgetRule.Execution);

            // Times are whole milliseconds, so a step of one millisecond loses nothing.
            var steps = (int)query.Objective.TotalMilliseconds;
            var tree = QuerySplitter.Split(query, profiles, Gpu, BudgetRule.Execution, steps);
            Assert.True(Math.Abs(best - graph.Devices) < 1e-9, $"seed {seed}: {graph.Devices}, best {best}");
            Assert.True(Math.Abs(best - tree.Devices) < 1e-9, $"seed {seed}: tree {tree.Devices}, best {best}");
        }
    }

    [Fact]
    public void Graph_search_is_exact_on_random_graphs_with_joins_and_its_bound_holds()
    {
        var joins = 0;
        for (var seed = 100; seed < 180; seed++)
        {
            var random = new Random(seed);
            var (query, profiles) = RandomQuery(random, random.Next(3, 6), isTree: false);
            var options = StageOptions.Of(query, profiles, Gpu, BudgetRule.TwiceExecution);
            if (Shortest(query, options) > query.Objective.TotalMilliseconds)
            {
                continue;
            }

            joins += query.IsTree ? 0 : 1;
            var best = AllCombinations(query, options);
            var split = QuerySplitter.Split(query, profiles, Gpu, BudgetRule.TwiceExecution);
            Assert.True(Math.Abs(best - split.Devices) < 1e-9, $"seed {seed}: {split.Devices}, best {best}");
            Assert.InRange(split.LowerBound, 0, best + 1e-9);
        }

        Assert.True(joins > 20, $"only {joins} queries with joins");
    }

    [Fact]
    public void Budgets_along_every_path_stay_within_the_objective()
    {
        for (var seed = 200; seed < 240; seed++)
        {
            var random = new Random(seed);
            var (query, profiles) = RandomQuery(random, 8, isTree: false);
            if (Shortest(query, StageOptions.Of(query, profiles, Gpu, BudgetRule.Gathering)) >
                query.Objective.TotalMilliseconds)
            {
                continue;
            }

            var split = QuerySplitter.Split(query, profiles, Gpu);
            var end = new double[8];
            for (var i = 0; i < end.Length; i++)
            {
                end[i] = split.Stages[i].Budget.TotalMilliseconds +
                    query.Before[i].Select(stage => end[stage]).DefaultIfEmpty(0).Max();
            }

            Assert.True(end.Max() <= query.Objective.TotalMilliseconds + 1e-6, $"seed {seed}: {end.Max()}");
        }
    }

    [Fact]
    public void Fan_out_and_branches_set_the_rates_of_later_stages()
    {
        var query = new QueryBuilder("q", TimeSpan.FromSeconds(1), 100)
            .Stage("a", "m").Stage("b", "m").Stage("c", "m").Stage("all", "m").Stage("any", "m", StageJoin.Any)
            .Edge("a", "b", gamma: 3, probability: 0.5).Edge("a", "c", gamma: 0.2)
            .Edge("b", "all").Edge("c", "all").Edge("b", "any").Edge("c", "any").Build();
        Assert.Equal([100, 150, 20, 150, 170], query.Rates);
        Assert.False(query.IsTree);
    }

    [Fact]
    public void A_query_becomes_one_session_per_stage()
    {
        var profiles = new ProfileTable([BatchProfile.Linear("m", "*", 1, 5, 64)]);
        var query = new QueryBuilder("q", TimeSpan.FromMilliseconds(200), 50)
            .Stage("a", "m").Stage("b", "m").Edge("a", "b", gamma: 4).Build();
        var sessions = QuerySplitter.Split(query, profiles, Gpu).ToSessions();
        Assert.Equal(["q/a", "q/b"], sessions.Select(session => session.Name));
        Assert.Equal([50.0, 200.0], sessions.Select(session => session.Rate));
        var total = sessions[0].Objective + sessions[1].Objective;
        Assert.InRange(total, TimeSpan.FromMilliseconds(199.9), TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public void An_objective_that_is_too_short_names_the_stages_and_their_times()
    {
        var profiles = new ProfileTable([Points("fast", (1, 5)), Points("slow", (1, 30))]);
        var query = new QueryBuilder("q", TimeSpan.FromMilliseconds(60), 1)
            .Stage("a", "fast").Stage("b", "slow").Edge("a", "b").Build();
        var error = Assert.Throws<ServingException>(() => QuerySplitter.Split(query, profiles, Gpu));
        Assert.Contains("query 'q'", error.Message, StringComparison.Ordinal);
        Assert.Contains("a -> b takes 70 ms", error.Message, StringComparison.Ordinal);
        Assert.Contains("stage 'b' alone 60 ms", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_for_a_query_with_a_join_are_refused()
    {
        var profiles = new ProfileTable([Points("m", (1, 5))]);
        var query = new QueryBuilder("q", TimeSpan.FromSeconds(1), 1)
            .Stage("a", "m").Stage("b", "m").Stage("c", "m").Stage("d", "m")
            .Edge("a", "b").Edge("a", "c").Edge("b", "d").Edge("c", "d").Build();
        Assert.Throws<ServingException>(() => QuerySplitter.Split(query, profiles, Gpu, steps: 100));
    }

    private static BatchProfile Points(string model, params (int Batch, double Ms)[] points) => new(
        model, "*",
        [.. points.Select(p => new ProfilePoint(p.Batch, TimeSpan.FromMilliseconds(p.Ms), TimeSpan.Zero, 0))],
        new ProfileOptions { PointsOnly = true });

    private static double BestRate(ProfileTable profiles, string model, TimeSpan budget)
    {
        var profile = profiles.Find(model, "gpu")!;
        return profile.Throughput(profile.BestThroughputBatch(budget));
    }

    private static (Query Query, ProfileTable Profiles) RandomQuery(Random random, int stages, bool isTree)
    {
        var profiles = new List<BatchProfile>();
        var builder =
            new QueryBuilder("q", TimeSpan.FromMilliseconds(random.Next(60, 400)), 10 + (random.NextDouble() * 500));
        for (var i = 0; i < stages; i++)
        {
            var ms = random.Next(2, 10);
            var batch = 1;
            var points = new List<(int Batch, double Ms)>();
            for (var p = random.Next(1, 7); p > 0; p--)
            {
                points.Add((batch, ms));
                batch += random.Next(1, 6);
                ms += random.Next(1, 12);
            }

            profiles.Add(Points($"m{i}", [.. points]));
            builder.Stage($"s{i}", $"m{i}");
            foreach (var before in Enumerable.Range(0, i).Where(j => isTree ? j == i / 2 : random.Next(2) == 0))
            {
                builder.Edge($"s{before}", $"s{i}", 0.2 + (3 * random.NextDouble()), 0.3 + (0.7 * random.NextDouble()));
            }
        }

        return (builder.Build(), new ProfileTable(profiles));
    }

    private static double Shortest(Query query, StageOption[][] options) =>
        Length(query, options, new int[options.Length]);

    private static double AllCombinations(Query query, StageOption[][] options)
    {
        var best = double.PositiveInfinity;
        var choice = new int[options.Length];
        while (true)
        {
            if (Length(query, options, choice) <= query.Objective.TotalMilliseconds + 1e-9)
            {
                best = Math.Min(best, choice.Select((c, i) => options[i][c].Devices).Sum());
            }

            var digit = 0;
            while (digit < choice.Length && ++choice[digit] == options[digit].Length)
            {
                choice[digit++] = 0;
            }

            if (digit == choice.Length)
            {
                return best;
            }
        }
    }

    private static double Length(Query query, StageOption[][] options, int[] choice)
    {
        var end = new double[choice.Length];
        for (var i = 0; i < end.Length; i++)
        {
            end[i] = options[i][choice[i]].BudgetMs + query.Before[i].Select(s => end[s]).DefaultIfEmpty(0).Max();
        }

        return end.Max();
    }
}
