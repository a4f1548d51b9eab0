namespace Atoll.Serving.Tests;

/// <summary>The released code's sizing, on the profile that its own tests use.</summary>
public sealed class NexusCodePlannerTests
{
    private static readonly TimeSpan Objective = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Network = TimeSpan.FromMilliseconds(2);

    [Theory]
    [InlineData(1.0, 70, 284.5, 54, 298.5)]
    [InlineData(1.15, 60, 250.9, 54, 259.6)]
    public void Vgg16_on_a_titan_x_has_the_known_largest_and_best_batch(
        double margin, int largest, double largestRate, int best, double bestRate)
    {
        var profile = Vgg16(margin);
        var budget = (profile.ExecutionBudget(Objective) - Network) / 2;
        Assert.Equal(largest, NexusCodePlanner.LargestOfRun(profile, budget));
        Assert.Equal(largestRate, profile.Throughput(largest), 1);
        Assert.Equal(best, profile.BestThroughputBatch(budget));
        Assert.Equal(bestRate, profile.Throughput(best), 1);
    }

    [Theory]
    [InlineData(50, 21, 410.1, 0.206)]
    [InlineData(100, 36, 355.4, 0.391)]
    [InlineData(150, 47, 309.5, 0.598)]
    [InlineData(200, 55, 270.4, 0.828)]
    [InlineData(250, 60, 240.0, 0.996)]
    public void Batch_and_duty_cycle_for_a_rate_are_those_of_the_code(
        double rate, int batch, double dutyMs, double occupancy)
    {
        var profile = Vgg16(1.15);
        var size = NexusCodePlanner.Size(profile, Objective, rate, Network);
        Assert.NotNull(size);
        Assert.Equal(batch, size.Batch);
        Assert.Equal(dutyMs, size.DutyMs, 1);
        Assert.Equal(occupancy, profile.Latency(batch).TotalMilliseconds / size.DutyMs, 3);
        Assert.True(size.Throughput >= rate);
    }

    [Fact]
    public void A_rate_beyond_one_device_takes_full_devices_and_a_remainder()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 8)],
            Profiles = [BatchProfile.Linear("m", "*", 1, 10, 64)],
            Sessions = [PaperProfiles.Session("s", 102, 2000, "m")],
        };
        var plan = ServingPlanner.Plan(request, PlanPolicy.NexusCode);

        // (102 - 2) / 2 = 50 ms hold batch 40: 800 requests/s each.
        Assert.Equal([800.0, 800.0, 400.0], plan.Devices.Select(d => Math.Round(d.Sessions.Single().Rate, 6)));
        Assert.Equal([40, 40], plan.Devices.Take(2).Select(d => d.Sessions[0].Batch));
        PlanAssert.Covers(request, plan, 0);
    }

    [Fact]
    public void Memory_is_not_looked_at_which_is_a_known_defect_of_the_code()
    {
        var request = new PlanRequest
        {
            Devices = [new DeviceKind("gpu", 4, 1000)],
            Profiles =
                [new BatchProfile("m", "*", [new ProfilePoint(1, TimeSpan.FromMilliseconds(2), TimeSpan.Zero, 5000)])],
            Sessions = [PaperProfiles.Session("s", 100, 10, "m")],
        };
        Assert.Single(ServingPlanner.Plan(request, PlanPolicy.NexusCode).Devices);
        Assert.Single(ServingPlanner.Plan(request, PlanPolicy.Nexus).Unplaced);
    }

    private static BatchProfile Vgg16(double margin) => BatchProfileFile.Read(
        SharedData.Find("nexus", "vgg16-titanx.txt"), ProfileOptions.Default with { Margin = margin });
}
