namespace Atoll.Serving.Tests;

/// <summary>From one plan to the next: few moves, nothing lost, pins and backups kept.</summary>
public sealed class ReplanningTests
{
    [Fact]
    public void An_unchanged_request_moves_nothing()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var request = RandomMixes.Small(seed);
            var first = ServingPlanner.Plan(request);
            var second = ServingPlanner.Plan(request with { Previous = first });
            Assert.True(second.Moves == 0, $"seed {seed}: {second.Moves} moves");
            Assert.Equal(first.Devices.Count, second.Devices.Count);
            PlanAssert.Covers(request, second, seed);
        }
    }

    [Fact]
    public void Rates_that_drift_move_few_sessions_and_stay_close_to_a_plan_from_scratch()
    {
        var moves = 0;
        var placements = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var request = RandomMixes.Small(seed);
            var plan = ServingPlanner.Plan(request);
            for (var epoch = 0; epoch < 5; epoch++)
            {
                request = request with
                {
                    Sessions =
                        [.. request.Sessions.Select(
                        s => s with { Rate = s.Rate * (0.8 + (0.4 * random.NextDouble())) })],
                };
                var fresh = ServingPlanner.Plan(request);
                plan = ServingPlanner.Plan(request with { Previous = plan });
                PlanAssert.Covers(request, plan, seed);
                Assert.Empty(plan.Unplaced);
                Assert.True(
                    plan.Devices.Count <= Math.Max(fresh.Devices.Count, 1.1 * fresh.Devices.Count),
                    $"seed {seed}: {plan.Devices.Count} devices, {fresh.Devices.Count} from scratch");
                moves += plan.Moves;
                placements += plan.Devices.Sum(device => device.Sessions.Count);
            }
        }

        Assert.True(moves < 0.35 * placements, $"{moves} of {placements} placements moved");
    }

    [Fact]
    public void Load_that_falls_empties_devices()
    {
        var request = RandomMixes.Small(4);
        var plan = ServingPlanner.Plan(request);
        var less = request with
        {
            Sessions = [.. request.Sessions.Select(session => session with { Rate = session.Rate / 5 })],
        };
        var after = ServingPlanner.Plan(less with { Previous = plan });
        Assert.True(after.Devices.Count < plan.Devices.Count);
        PlanAssert.Covers(less, after, 4);
    }

    [Fact]
    public void An_overloaded_device_spills_its_cheapest_session()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 4)],
            Profiles = [.. new[] { "a", "b", "c" }.Select(name => BatchProfile.Linear(name, "*", 1, 5, 64))],
            Sessions =
            [
                PaperProfiles.Session("a", 100, 150), PaperProfiles.Session("b", 100, 60),
                    PaperProfiles.Session("c", 100, 5),
            ],
        };
        var plan = ServingPlanner.Plan(request);
        Assert.Single(plan.Devices);

        // The same device with objectives that all three no longer keep together.
        var tighter = request with
        {
            Sessions =
            [
                PaperProfiles.Session("a", 30, 150), PaperProfiles.Session("b", 18, 60),
                    PaperProfiles.Session("c", 13, 5),
            ],
            Previous = plan,
        };
        var after = ServingPlanner.Plan(tighter);
        Assert.Empty(after.Unplaced);
        Assert.True(after.Devices.Count > 1);
        Assert.Contains(
            after.Explanation, line => line.Contains("c spilled as the cheapest", StringComparison.Ordinal));
        Assert.DoesNotContain("c", after.Devices[0].Sessions.Select(session => session.Session));
    }

    [Fact]
    public void A_device_that_is_gone_has_its_sessions_placed_again()
    {
        var request = RandomMixes.Small(6);
        var plan = ServingPlanner.Plan(request);
        var fewer = request with { Devices = [request.Devices[0] with { Count = 64 }] };
        var lost = plan with { Devices = [.. plan.Devices.Skip(1)] };
        var after = ServingPlanner.Plan(fewer with { Previous = lost });
        PlanAssert.Covers(fewer, after, 6);
        Assert.Empty(after.Unplaced);
        Assert.True(after.Moves > 0);
    }

    [Fact]
    public void Pinned_sessions_are_on_their_devices_and_nowhere_else()
    {
        var request = RandomMixes.Small(8);
        var pinned = request with
        {
            Sessions =
                [request.Sessions[0] with { Pinned = ["gpu-7", "gpu-9"], Rate = 40 }, .. request.Sessions.Skip(1)],
        };
        var plan = ServingPlanner.Plan(pinned);
        Assert.Equal(["gpu-7", "gpu-9"], Holders(plan, "s0"));
        var again = ServingPlanner.Plan(pinned with { Previous = plan });
        Assert.Equal(["gpu-7", "gpu-9"], Holders(again, "s0"));
        PlanAssert.Covers(pinned, again, 8);
    }

    [Fact]
    public void Pins_to_unknown_devices_are_refused()
    {
        var request = RandomMixes.Small(8);
        var error = Assert.Throws<ServingException>(() => ServingPlanner.Plan(request with
        {
            Sessions = [request.Sessions[0] with { Pinned = ["gpu-99"] }],
        }));
        Assert.Contains("unknown device 'gpu-99'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Backups_are_on_other_devices_within_their_memory()
    {
        var request = RandomMixes.Small(10);
        request = request with { Sessions = [.. request.Sessions.Select(session => session with { Backups = 2 })] };
        var plan = ServingPlanner.Plan(request);
        PlanAssert.Covers(request, plan, 10);
        foreach (var session in request.Sessions)
        {
            var copies = plan.Devices.SelectMany(d => d.Sessions).Where(s => s.Session == session.Name).ToList();
            Assert.Equal(2, copies.Count(copy => copy.IsBackup));
            Assert.All(copies.Where(copy => copy.IsBackup), copy => Assert.Equal(0, copy.Rate));
        }
    }

    private static IEnumerable<string> Holders(ServingPlan plan, string session) => plan.Devices
        .Where(device => device.Sessions.Any(s => s.Session == session)).Select(device => device.Device);
}
