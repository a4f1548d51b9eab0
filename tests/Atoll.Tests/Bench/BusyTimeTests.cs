namespace Atoll.Tests;

public sealed class BusyTimeTests
{
    [Fact]
    public void Time_that_launches_share_counts_once()
    {
        Assert.Equal(0, BusyTime.Union([]));
        Assert.Equal(30, BusyTime.Union([(10, 20), (40, 60)]));
        Assert.Equal(50, BusyTime.Union([(40, 60), (10, 30), (20, 40)]));
        Assert.Equal(20, BusyTime.Union([(10, 30), (15, 20), (12, 30)]));
    }
}
