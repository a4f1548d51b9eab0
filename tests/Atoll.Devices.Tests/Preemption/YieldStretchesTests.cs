namespace Atoll.Devices.Tests;

public sealed class YieldStretchesTests
{
    [Fact]
    public void Waits_in_equal_stretches_are_uniform()
    {
        var stretches = new YieldStretches();
        for (var i = 0; i < 100; i++)
        {
            stretches.Add(2.01);
        }

        Assert.Equal(201, stretches.TotalUs, 6);
        Assert.Equal(2.01, stretches.LongestUs);
        Assert.Equal(1.005, stretches.MeanWaitUs, 6);
        Assert.Equal(1, stretches.WaitQuantileUs(0.5), 0.06);
        Assert.Equal(2, stretches.WaitQuantileUs(0.99), 0.06);
    }

    [Fact]
    public void A_long_stretch_is_met_as_often_as_it_lasts()
    {
        var stretches = new YieldStretches();
        stretches.Add(50);
        var others = new YieldStretches();
        for (var i = 0; i < 100; i++)
        {
            others.Add(0.5);
        }

        stretches.Add(others);
        Assert.Equal(50, stretches.LongestUs);
        // Half of all arrivals meet the long one and wait 25 us in the mean, the others 0.25.
        Assert.Equal(12.625, stretches.MeanWaitUs, 6);
        Assert.Equal(25, stretches.WaitQuantileUs(0.75), 0.1);
        Assert.Equal(49, stretches.WaitQuantileUs(0.99), 0.1);
    }

    [Fact]
    public void Nothing_recorded_waits_for_nothing()
    {
        var stretches = new YieldStretches();
        Assert.Equal(0, stretches.MeanWaitUs);
        Assert.Equal(0, stretches.WaitQuantileUs(0.99));
    }

    [Fact]
    public void A_recorder_times_every_yield_point_and_the_end_of_every_block()
    {
        using var recorder = new StretchRecorder(new SteppingClock(), 64);
        var stretches = recorder.Record(new YieldingKernel(blocks: 2, yields: 3));
        // Four stretches a block, each of one step of the clock.
        Assert.Equal(8, stretches.TotalUs, 6);
        Assert.Equal(1, stretches.LongestUs, 6);
        Assert.Equal(0.5, stretches.MeanWaitUs, 6);
    }

    private sealed class YieldingKernel(int blocks, int yields) : CpuKernel("yielding", blocks, [])
    {
        public override void RunBlock(int block, BlockContext context)
        {
            for (var i = 0; i < yields; i++)
            {
                Assert.False(context.Yield());
            }
        }
    }

    /// <summary>A microsecond passes between two readings.</summary>
    private sealed class SteppingClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => _now++;
    }
}
