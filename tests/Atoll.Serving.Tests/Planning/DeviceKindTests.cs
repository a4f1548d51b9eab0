namespace Atoll.Serving.Tests;

/// <summary>Devices of several kinds, and models that no device can hold.</summary>
public sealed class DeviceKindTests
{
    [Fact]
    public void Each_session_gets_the_kind_on_which_it_is_better_than_the_others_are()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("fast", 4), new DeviceKind("slow", 8)],
            Profiles =
            [
                BatchProfile.Linear("wide", "fast", 1, 5, 64), BatchProfile.Linear("wide", "slow", 4, 20, 64),
                BatchProfile.Linear("plain", "fast", 1, 5, 64), BatchProfile.Linear("plain", "slow", 1.1, 5.5, 64),
            ],
            Sessions = [PaperProfiles.Session("wide", 200, 3400), PaperProfiles.Session("plain", 200, 3400)],
        };
        var plan = ServingPlanner.Plan(request);
        PlanAssert.Covers(request, plan, 0);
        Assert.Empty(plan.Unplaced);
        Assert.All(
            plan.Devices.Where(device => device.Kind == "slow"),
            device => Assert.DoesNotContain("wide", device.Sessions.Select(session => session.Session)));
    }

    [Fact]
    public void A_session_without_profile_for_one_kind_runs_on_the_other()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("a", 2), new DeviceKind("b", 2)],
            Profiles = [BatchProfile.Linear("m", "b", 1, 5, 64)],
            Sessions = [PaperProfiles.Session("s", 100, 50, "m")],
        };
        foreach (var policy in Enum.GetValues<PlanPolicy>())
        {
            Assert.Equal("b", Assert.Single(ServingPlanner.Plan(request, policy).Devices).Kind);
        }
    }

    [Fact]
    public void A_model_larger_than_any_device_runs_in_stages_on_several()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 6, 1000)],
            Profiles =
            [
                BatchProfile.Linear("big", "*", 3, 30, 32, new ProfileMemory(1500, 1)),
                BatchProfile.Linear("big:front", "*", 2, 10, 32, new ProfileMemory(800, 1)),
                BatchProfile.Linear("big:back", "*", 1, 20, 32, new ProfileMemory(800, 1)),
            ],
            Partitions = [new ModelPartition("big", ["big:front", "big:back"])],
            Sessions = [PaperProfiles.Session("s", 300, 60, "big")],
        };
        var plan = ServingPlanner.Plan(request);
        Assert.Empty(plan.Unplaced);
        Assert.Equal(2, plan.Devices.Count);
        var sessions = plan.Devices.SelectMany(device => device.Sessions).ToList();
        Assert.Equal(["s/big:back", "s/big:front"], sessions.Select(session => session.Session).Order());
        var total = sessions.Aggregate(TimeSpan.Zero, (sum, session) => sum + session.WorstLatency);
        Assert.True(total <= TimeSpan.FromMilliseconds(300));
        Assert.Contains(
            plan.Explanation, line => line.Contains("larger than any device's memory", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_stages_a_model_that_is_too_large_is_named()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 6, 1000)],
            Profiles = [BatchProfile.Linear("big", "*", 3, 30, 32, new ProfileMemory(1500, 1))],
            Sessions = [PaperProfiles.Session("s", 300, 60, "big")],
        };
        var unplaced = Assert.Single(ServingPlanner.Plan(request).Unplaced);
        Assert.Contains("larger than any device's memory", unplaced.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Sessions_of_one_model_share_its_weights_on_a_device()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 4, 1000)],
            Profiles = [BatchProfile.Linear("m", "*", 1, 5, 16, new ProfileMemory(700, 1))],
            Sessions = [PaperProfiles.Session("s", 100, 20, "m"), PaperProfiles.Session("t", 200, 20, "m")],
        };
        var device = Assert.Single(ServingPlanner.Plan(request).Devices);
        Assert.InRange(device.MemoryBytes, 702, 1000);
    }

    [Fact]
    public void An_objective_below_the_smallest_batch_is_named()
    {
        var request = PaperProfiles.Request(
            [BatchProfile.Linear("m", "*", 1, 20, 16)], PaperProfiles.Session("s", 15, 20, "m"));
        foreach (var policy in Enum.GetValues<PlanPolicy>())
        {
            var plan = ServingPlanner.Plan(request, policy);
            Assert.Empty(plan.Devices);
            Assert.Equal(20, Assert.Single(plan.Unplaced).Rate);
        }
    }
}
