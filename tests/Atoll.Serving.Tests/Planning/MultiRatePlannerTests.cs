namespace Atoll.Serving.Tests;

/// <summary>Atoll's own packing: in time, close to the bound, explained.</summary>
public sealed class MultiRatePlannerTests(ITestOutputHelper output)
{
    [Fact]
    public void Own_periods_put_on_one_device_what_one_duty_cycle_needs_two_for()
    {
        var plan = ServingPlanner.Plan(PaperProfiles.Linear());
        var device = Assert.Single(plan.Devices);
        Assert.Equal(4, device.Sessions.Count);
        Assert.InRange(device.Occupancy, plan.FluidBound, 1);
        Assert.All(device.Sessions, s => Assert.True(s.WorstLatency <= s.Objective));
        Assert.Equal(2, ServingPlanner.Plan(PaperProfiles.Linear(), PlanPolicy.Nexus).Devices.Count);
    }

    [Fact]
    public void A_dedicated_device_runs_the_batch_of_highest_throughput()
    {
        var profile = new BatchProfile("m", "gpu", [Point(1, 10), Point(2, 12), Point(3, 30)]);
        var plan = ServingPlanner.Plan(PaperProfiles.Request(
            [profile], PaperProfiles.Session("s", 60, 2 / 0.012, "m")));
        Assert.Equal(2, Assert.Single(plan.Devices).Sessions.Single().Batch);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_request_is_late_in_random_mixes_of_constant_rate_sessions(bool wholeBatches)
    {
        for (var seed = 0; seed < 150; seed++)
        {
            var request = seed % 25 == 0 ? LargeMix(seed) : RandomMixes.Small(seed);
            request = request with { Options = new PlannerOptions { DealWholeBatches = wholeBatches } };
            var plan = ServingPlanner.Plan(request);
            PlanAssert.Covers(request, plan, seed);
            Assert.Empty(plan.Unplaced);
            foreach (var (session, over) in Timeline.WorstOverObjective(plan, 6_000, new Random(seed)))
            {
                Assert.True(over <= 1 + 1e-9, $"seed {seed}: {session} took {over} of its objective");
            }
        }
    }

    [Fact]
    public void Devices_used_are_within_a_tenth_of_the_fluid_bound_on_ten_mixes()
    {
        for (var seed = 1; seed <= 10; seed++)
        {
            var request = LargeMix(seed) with { Options = new PlannerOptions { DealWholeBatches = true } };
            var plan = ServingPlanner.Plan(request);
            var oneByOne = ServingPlanner.Plan(LargeMix(seed));
            var nexus = ServingPlanner.Plan(request, PlanPolicy.Nexus);
            output.WriteLine(
                $"seed {seed}: {request.Sessions.Count} sessions, bound {plan.FluidBound:f2}, atoll " +
                    $"{plan.Devices.Count} " +
                $"({plan.Devices.Count / plan.FluidBound:f3}), one by one {oneByOne.Devices.Count}, " +
                $"nexus {nexus.Devices.Count}");
            PlanAssert.Covers(request, plan, seed);
            Assert.Empty(plan.Unplaced);
            Assert.True(plan.FluidBound >= 20, $"seed {seed}: bound {plan.FluidBound}");
            Assert.True(plan.Devices.Count <= 1.10 * plan.FluidBound, $"seed {seed}: {plan.Devices.Count}");
            Assert.True(oneByOne.Devices.Count >= plan.FluidBound, $"seed {seed}: below the bound of one by one");
            Assert.True(
                oneByOne.Devices.Count <= nexus.Devices.Count, $"seed {seed}: nexus needs {nexus.Devices.Count}");
        }
    }

    [Fact]
    public void A_thousand_sessions_are_planned_onto_a_thousand_devices_without_a_late_request()
    {
        var random = new Random(1000);
        var request = RandomMixes.Mix(random, 1000, () => 20 + (random.NextDouble() * 480), 1000);
        var plan = ServingPlanner.Plan(request);
        PlanAssert.Covers(request, plan, 1000);
        Assert.Empty(plan.Unplaced);
        Assert.InRange(plan.Devices.Count, plan.FluidBound, 1000);
        foreach (var (session, over) in Timeline.WorstOverObjective(plan, 3_000, random))
        {
            Assert.True(over <= 1 + 1e-9, $"{session} took {over} of its objective");
        }
    }

    [Fact]
    public void Every_session_on_a_device_is_explained()
    {
        var plan = ServingPlanner.Plan(RandomMixes.Small(5));
        foreach (var device in plan.Devices)
        {
            foreach (var session in device.Sessions)
            {
                Assert.Contains(plan.Explanation, line => line.StartsWith(
                    $"{device.Device}: {session.Session} batch {session.Batch}: ", StringComparison.Ordinal));
                Assert.NotEmpty(session.Why);
            }
        }
    }

    [Fact]
    public void The_same_request_gives_the_same_plan()
    {
        var first = ServingPlanner.Plan(RandomMixes.Small(9));
        var second = ServingPlanner.Plan(RandomMixes.Small(9));
        Assert.Equal(first.Explanation, second.Explanation);
    }

    internal static PlanRequest LargeMix(int seed)
    {
        // Rates of heavy tail, as services have them: most sessions small, a few that fill several devices.
        var random = new Random(seed);
        return RandomMixes.Mix(
            random, random.Next(20, 41), () => 1000 * Math.Pow(1 - random.NextDouble(), -0.9), 2000);
    }

    private static ProfilePoint Point(int batch, double ms) =>
        new(batch, TimeSpan.FromMilliseconds(ms), TimeSpan.Zero, 0);
}
