namespace Atoll.Serving.Tests;

/// <summary>A hundred devices whose load doubles within a second.</summary>
public sealed class EpochShowTests
{
    [Fact]
    public void A_doubled_load_is_absorbed_within_12_seconds_and_devices_are_given_back()
    {
        var load = SurgeScenario.Load(devices: 100, utilisation: 0.4, seed: 7);
        var outcome = ClusterSimulation.Run(load, SchedulingPolicies.Get("atoll"), SurgeScenario.Options);
        var surge = SurgeScenario.Measure(outcome);

        Assert.True(surge.AbsorbedSeconds <= 12, $"{surge}");
        Assert.True(surge.BadShare <= 0.0027, $"{surge}");
        Assert.True(surge.DevicesBefore < 0.6 * surge.DevicesDuring, $"{surge}");
        Assert.True(surge.DevicesAfter < 0.6 * surge.DevicesDuring, $"{surge}");
    }
}
