namespace Atoll.Serving.Tests;

/// <summary>The paper's squishy bin packing against its own and recomputed figures.</summary>
public sealed class NexusPlannerTests
{
    [Theory]
    [InlineData("A", 160)]
    [InlineData("B", 128)]
    [InlineData("C", 128)]
    public void A_saturated_device_serves_the_published_rate(string model, double rate)
    {
        var profile = PaperProfiles.PointsOnly.Single(p => p.Model == model);
        var half = TimeSpan.FromMilliseconds(model == "A" ? 100 : 125);
        Assert.Equal(16, profile.LargestBatch(half));
        Assert.Equal(rate, profile.Throughput(16), 6);

        var plan = Plan(PaperProfiles.Request(
            PaperProfiles.PointsOnly, PaperProfiles.Session(model, 2 * half.TotalMilliseconds, rate * 3)));
        Assert.Equal(3, plan.Devices.Count);
        Assert.All(plan.Devices, device => Assert.Equal(1, device.Occupancy, 9));
        Assert.All(plan.Devices, device => Assert.Equal(2 * half, device.Sessions.Single().WorstLatency));
    }

    [Fact]
    public void Residues_of_the_paper_share_one_full_device_and_the_third_session_cannot_join()
    {
        var plan = Plan(PaperProfiles.Request(PaperProfiles.PointsOnly, 64, 32, 32));
        Assert.Equal(2, plan.Devices.Count);
        var shared = plan.Devices[0];
        Assert.Equal(125, shared.Cycle.TotalMilliseconds, 6);
        Assert.Equal(1.0, shared.Occupancy, 9);
        Assert.Equal([("A", 8, 75.0, 200.0), ("B", 4, 50.0, 175.0)], shared.Sessions.Select(Figures));
        var alone = plan.Devices[1];
        Assert.Equal(("C", 4, 60.0, 185.0), Figures(alone.Sessions.Single()));
        Assert.Equal(125, alone.Cycle.TotalMilliseconds, 6);
        Assert.Equal(0.48, alone.Occupancy, 9);
    }

    [Fact]
    public void Interpolated_profiles_let_the_third_session_gather_five()
    {
        var plan = Plan(PaperProfiles.Request(PaperProfiles.Interpolated, 64, 32, 32));
        Assert.Equal(2, plan.Devices.Count);
        Assert.Equal(1.0, plan.Devices[0].Occupancy, 9);
        Assert.Equal([("A", 8), ("B", 4)], plan.Devices[0].Sessions.Select(s => (s.Session, s.Batch)));
        Assert.Equal(("C", 5), plan.Devices[1].Sessions.Select(s => (s.Session, s.Batch)).Single());
        Assert.Equal(156.25, plan.Devices[1].Cycle.TotalMilliseconds, 6);
        Assert.Equal(0.44, plan.Devices[1].Occupancy, 9);
    }

    [Fact]
    public void Seven_saturated_devices_and_three_residues_that_cannot_merge_are_ten()
    {
        var plan = Plan(PaperProfiles.Request(PaperProfiles.PointsOnly, 500, 300, 300));
        Assert.Equal(10, plan.Devices.Count);
        Assert.Equal("AAABBCC", Names(plan.Devices.Take(7)));
        Assert.All(plan.Devices.Take(7), device => Assert.Equal(1, device.Occupancy, 9));
        Assert.Equal("CBA", Names(plan.Devices.Skip(7)));
        Assert.Equal([44.0, 44.0, 20.0], plan.Devices.Skip(7).Select(d => Math.Round(d.Sessions[0].Rate, 6)));
        Assert.Equal(
            [90.909, 90.909, 150.0], plan.Devices.Skip(7).Select(d => Math.Round(d.Cycle.TotalMilliseconds, 3)));
        Assert.Equal([0.66, 0.55, 0.333], plan.Devices.Skip(7).Select(d => Math.Round(d.Occupancy, 3)));
        Assert.All(plan.Devices.Skip(7), device => Assert.Equal(4, device.Sessions[0].Batch));
    }

    [Fact]
    public void One_short_objective_costs_a_second_device_with_a_single_duty_cycle()
    {
        var plan = Plan(PaperProfiles.Linear());
        Assert.Equal(2, plan.Devices.Count);
        Assert.Equal(75, plan.Devices[0].Cycle.TotalMilliseconds, 6);
        Assert.Equal(0.753, plan.Devices[0].Occupancy, 3);
        Assert.Equal(
            [("m1", 7), ("m2", 3), ("m4", 9)],
            plan.Devices[0].Sessions.Select(s => (s.Session, s.Batch)).Order());
        Assert.Equal(("m3", 1), plan.Devices[1].Sessions.Select(s => (s.Session, s.Batch)).Single());
        Assert.Equal(33.333, plan.Devices[1].Cycle.TotalMilliseconds, 3);
        Assert.Equal(0.165, plan.Devices[1].Occupancy, 3);
        Assert.Equal(0.43, plan.FluidBound, 2);
    }

    [Fact]
    public void Memory_keeps_sessions_apart_that_would_share_a_device()
    {
        var roomy =
            new BatchProfile("A", "gpu", [new ProfilePoint(1, TimeSpan.FromMilliseconds(2), TimeSpan.Zero, 600)]);
        var other =
            new BatchProfile("B", "gpu", [new ProfilePoint(1, TimeSpan.FromMilliseconds(2), TimeSpan.Zero, 600)]);
        var request = PaperProfiles.Request(
            [roomy, other], PaperProfiles.Session("A", 100, 10), PaperProfiles.Session("B", 100, 10));
        Assert.Single(Plan(request).Devices);
        Assert.Equal(2, Plan(request with { Devices = [new DeviceKind("gpu", 4, 1000)] }).Devices.Count);
    }

    [Fact]
    public void Load_beyond_the_devices_is_named_with_its_reason()
    {
        var plan = Plan(PaperProfiles.Request(PaperProfiles.PointsOnly, 320, 0, 0) with
        {
            Devices = [new DeviceKind("gpu", 1)],
        });
        Assert.Single(plan.Devices);
        Assert.Equal(("A", 160.0), plan.Unplaced.Select(u => (u.Session, Math.Round(u.Rate, 6))).Single());
        Assert.Contains("no device is left", plan.Unplaced[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_plan_of_random_mixes_keeps_its_own_promises()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var request = RandomMixes.Small(seed);
            var plan = Plan(request);
            PlanAssert.Covers(request, plan, seed);
            foreach (var device in plan.Devices)
            {
                Assert.True(device.Occupancy <= 1 + 1e-6, $"seed {seed}: {device.Device} {device.Occupancy}");
                Assert.All(device.Sessions, s => Assert.True(
                    s.WorstLatency <= s.Objective + TimeSpan.FromMicroseconds(1), $"seed {seed}: {s.Session}"));
            }
        }
    }

    private static ServingPlan Plan(PlanRequest request) => ServingPlanner.Plan(request, PlanPolicy.Nexus);

    private static (string, int, double, double) Figures(PlannedSession s) =>
        (s.Session, s.Batch, s.Execution.TotalMilliseconds, s.WorstLatency.TotalMilliseconds);

    private static string Names(IEnumerable<DevicePlan> devices) =>
        string.Concat(devices.SelectMany(device => device.Sessions).Select(session => session.Session));
}
