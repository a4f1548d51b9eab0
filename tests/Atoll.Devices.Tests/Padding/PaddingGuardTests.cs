namespace Atoll.Devices.Tests;

/// <summary>The guard against programs whose slowdown by padding is known.</summary>
public class PaddingGuardTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.005)]
    public void Padding_within_the_budget_goes_on_despite_noise(double slowdown)
    {
        for (var seed = 1; seed <= 50; seed++)
        {
            var guard = new PaddingGuard();
            var padded = Run(guard, new Random(seed), 10_000, _ => slowdown, noise: 0.02);
            Assert.True(padded > 8500, $"seed {seed}: {padded} padded of 10000, {guard.Stops} stops");
        }
    }

    [Theory]
    [InlineData(0.03, 0.01)]
    [InlineData(0.10, 0.05)]
    public void Padding_beyond_the_budget_stops_soon_and_stays_rare(double slowdown, double noise)
    {
        for (var seed = 1; seed <= 50; seed++)
        {
            var guard = new PaddingGuard();
            var padded = Run(guard, new Random(seed), 10_000, _ => slowdown, noise);
            Assert.True(guard.Stops >= 1 && padded < 2000,
                $"seed {seed}: {padded} padded of 10000, {guard.Stops} stops");
        }
    }

    [Fact]
    public void Padding_returns_after_the_disturbance_has_gone()
    {
        var guard = new PaddingGuard();
        Run(guard, new Random(1), 2000, _ => 0.2, noise: 0.01);
        Assert.True(guard.Stops > 0);
        var stops = guard.Stops;
        Run(guard, new Random(2), 20_000, _ => 0, noise: 0.01);
        Assert.False(guard.IsPaused);
        Assert.InRange(guard.Slowdown, -0.01, 0.01);
        Assert.InRange(guard.Stops, stops, stops + 2);
    }

    [Fact]
    public void A_drift_that_hits_both_kinds_is_no_reason_to_stop()
    {
        var guard = new PaddingGuard();
        var random = new Random(3);
        for (var i = 0; i < 20_000; i++)
        {
            var pads = guard.ShouldPad();
            guard.Ended(pads, 1000 * (1 + 0.2 * Math.Sin(i / 2000.0)) * (1 + 0.01 * Gaussian(random)));
        }

        Assert.Equal(0, guard.Stops);
    }

    [Fact]
    public void A_single_pause_of_the_machine_does_not_stop_padding()
    {
        var guard = new PaddingGuard();
        var random = new Random(4);
        for (var i = 0; i < 5000; i++)
        {
            guard.Ended(guard.ShouldPad(), i % 500 == 200 ? 50_000 : 1000 * (1 + 0.005 * Gaussian(random)));
        }

        Assert.Equal(0, guard.Stops);
    }

    [Fact]
    public void Every_nth_launch_runs_unpadded_once_there_is_a_comparison()
    {
        var guard = new PaddingGuard(new PaddingGuardOptions { ControlEvery = 10, SamplesMin = 4 });
        var pads = new List<bool>();
        for (var i = 0; i < 1000; i++)
        {
            pads.Add(guard.ShouldPad());
            guard.Ended(pads[^1], 100);
        }

        Assert.Equal(4, pads[..8].Count(p => !p));
        Assert.Equal(99, pads[8..].Count(p => !p));
    }

    [Fact]
    public void Pauses_double_up_to_the_longest()
    {
        var options = new PaddingGuardOptions { PauseFirst = 10, PauseMax = 40 };
        var guard = new PaddingGuard(options);
        var lengths = new List<int>();
        for (var i = 0; i < 2000; i++)
        {
            var (wasPaused, stops) = (guard.IsPaused, guard.Stops);
            var pads = guard.ShouldPad();
            guard.Ended(pads, pads ? 200 : 100);
            if (guard.Stops > stops)
            {
                lengths.Add(0);
            }
            else if (wasPaused)
            {
                lengths[^1]++;
            }
        }

        Assert.Equal([10, 20, 40, 40], lengths[..4]);
    }

    [Fact]
    public void Deciding_allocates_nothing_and_bad_options_are_refused()
    {
        var guard = new PaddingGuard();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            guard.Ended(guard.ShouldPad(), 100);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Throws<DeviceException>(() => new PaddingGuard(new PaddingGuardOptions { Budget = double.NaN }));
        Assert.Throws<DeviceException>(() => new PaddingGuard(new PaddingGuardOptions { ControlEvery = 1 }));
    }

    private static int Run(PaddingGuard guard, Random random, int launches, Func<int, double> slowdown, double noise)
    {
        var padded = 0;
        for (var i = 0; i < launches; i++)
        {
            var pads = guard.ShouldPad();
            padded += pads ? 1 : 0;
            guard.Ended(pads, 1000 * (1 + (pads ? slowdown(i) : 0)) * (1 + noise * Gaussian(random)));
        }

        return padded;
    }

    private static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
