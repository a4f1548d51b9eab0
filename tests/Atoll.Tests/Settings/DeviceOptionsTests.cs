using Atoll.Devices;

namespace Atoll.Tests;

public sealed class DeviceOptionsTests
{
    [Fact]
    public void Threads_are_ordinary_only_where_the_settings_say_so()
    {
        Assert.Null(RightsOf(SchedulingName.Auto));
        Assert.Equal(SchedulingRights.Plain, RightsOf(SchedulingName.Plain));
    }

    private static SchedulingRights? RightsOf(SchedulingName scheduling) =>
        ModelServer.DeviceOptions(new DeviceSection { Scheduling = scheduling }, TimeProvider.System).Rights;
}
