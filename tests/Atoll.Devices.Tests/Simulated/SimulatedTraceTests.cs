namespace Atoll.Devices.Tests;

/// <summary>Small runs of a simulated device against times that were worked out by hand.</summary>
public class SimulatedTraceTests
{
    private static readonly SimulatedDeviceOptions Plain = new()
    {
        Units = 2,
        Mode = ShareMode.ResetLeave,
        FlagMicroseconds = 5,
        ClearMicroseconds = 1,
        KillMicroseconds = 2,
        FetchMicroseconds = 3,
    };

    [Fact]
    public void Kernels_run_one_after_another_in_passes_over_all_units()
    {
        using var device = new SimulatedDevice(Plain);
        var launch = Submit(device, WorkClass.BestEffort, Kernel("a", 3, 10), Kernel("b", 1, 7));
        Assert.Equal(LaunchStatus.Completed, launch.Wait());
        // Three blocks on two units: two passes of 10; then one of 7.
        Assert.Equal((0, 27_000), (launch.StartedAt, launch.EndedAt));
        Assert.Equal((3 * 10 + 7) * 1000, device.Statistics.Service(WorkClass.BestEffort));
    }

    [Fact]
    public void Blocks_share_a_unit_up_to_their_occupancy()
    {
        using var device = new SimulatedDevice(Plain);
        var launch = Submit(device, WorkClass.BestEffort, new SimulatedKernel("a", 7, [10.0, 12.0]));
        launch.Wait();
        // 2 + 2 blocks for 12, then 2 + 1 for 12 and 10.
        Assert.Equal(24_000, launch.EndedAt);
    }

    [Fact]
    public void The_launch_cost_is_hidden_by_a_device_queue_of_two_only_behind_longer_kernels()
    {
        Assert.Equal(4 * (20 + 8), EndOf(capacity: 1, 20));
        Assert.Equal(8 + 4 * 20, EndOf(capacity: 2, 20));
        // Kernels shorter than the launch cost: it is the launches that take the time.
        Assert.Equal(4 * 8 + 5, EndOf(capacity: 2, 5));
    }

    [Fact]
    public void A_killed_block_repeats_and_the_kernel_goes_on_where_it_was()
    {
        using var device = new SimulatedDevice(Plain);
        var bestEffort = Submit(device, WorkClass.BestEffort, Kernel("a", 4, 100), Kernel("b", 1, 50),
            Kernel("c", 1, 50));
        var realTime = SubmitAt(device, 130, WorkClass.RealTime, Kernel("r", 2, 30));
        device.RunUntilIdle();
        // 130: flag 5, one stream cleared 1, (1 evicted + 1) kills of 2 = 140; two blocks lose 40 each; real-time until
        // 170.
        Assert.Equal((130_000, 140_000, 170_000), (realTime.SubmittedAt, realTime.StartedAt, realTime.EndedAt));
        Assert.Equal((170 + 100 + 50 + 50) * 1000, bestEffort.EndedAt);
        var preemption = Assert.Single(device.Statistics.Preemptions);
        Assert.Equal(new SimulatedPreemption(130_000, 1, 1, 2, 2, 5_000, 1_000, 4_000, 0, 10_000), preemption);
        Assert.Equal(2, device.Statistics.Totals.Repeated);
    }

    [Fact]
    public void Wait_based_preemption_lets_blocks_end_and_fetches_every_queued_kernel()
    {
        using var device = new SimulatedDevice(Plain with { Mode = ShareMode.Wait });
        var bestEffort = Submit(device, WorkClass.BestEffort,
            [Kernel("a", 4, 100), .. Enumerable.Range(0, 9).Select(_ => Kernel("b", 1, 50))]);
        var realTime = SubmitAt(device, 130, WorkClass.RealTime, Kernel("r", 2, 30));
        device.RunUntilIdle();
        // Blocks end at 200; nine queued kernels are fetched at 3 each.
        Assert.Equal((227_000, 257_000), (realTime.StartedAt, realTime.EndedAt));
        Assert.Equal((257 + 9 * 50) * 1000, bestEffort.EndedAt);
        var preemption = Assert.Single(device.Statistics.Preemptions);
        Assert.Equal(new SimulatedPreemption(130_000, 0, 9, 0, 0, 5_000, 0, 27_000, 65_000, 97_000), preemption);
    }

    [Fact]
    public void At_a_yield_point_real_time_work_nests_and_the_block_goes_on()
    {
        using var device = new SimulatedDevice(Plain with { Mode = ShareMode.Reset, YieldMicroseconds = 4 });
        var bestEffort = Submit(device, WorkClass.BestEffort, Kernel("a", 2, 100));
        var realTime = SubmitAt(device, 30, WorkClass.RealTime, Kernel("r", 1, 30));
        device.RunUntilIdle();
        // Flag at 35, next yield point at 36. One unit serves real-time until 66; both blocks wait for that, none
        // repeats.
        Assert.Equal((36_000, 66_000), (realTime.StartedAt, realTime.EndedAt));
        Assert.Equal(130_000, bestEffort.EndedAt);
        Assert.Equal(0, device.Statistics.Totals.Repeated);
        Assert.Equal(6_000, Assert.Single(device.Statistics.Preemptions).Total);
    }

    [Fact]
    public void Padding_runs_on_the_unit_that_real_time_work_leaves_idle()
    {
        using var device = new SimulatedDevice(Plain with { Mode = ShareMode.ResetPadding });
        var bestEffort = Submit(device, WorkClass.BestEffort, Kernel("a", 6, 10));
        var realTime = SubmitAt(device, 5, WorkClass.RealTime, Kernel("r", 1, 35));
        device.RunUntilIdle();
        // 5: flag 5 and, at 10, one pass ends anyway; clear 1, kill 2: 13. Beside 35 of real-time fit three blocks: 13
        // to 43.
        Assert.Equal((13_000, 48_000), (realTime.StartedAt, realTime.EndedAt));
        Assert.Equal(58_000, bestEffort.EndedAt);
        Assert.Equal(1, device.Statistics.PaddedShare);
        Assert.Equal(30_000, device.Statistics.Totals.PaddedTime);
    }

    [Fact]
    public void Padding_on_a_yielding_device_takes_only_the_units_that_are_needed()
    {
        using var device = new SimulatedDevice(Plain with { Mode = ShareMode.ResetPadding, YieldMicroseconds = 4 });
        var bestEffort = Submit(device, WorkClass.BestEffort, Kernel("a", 2, 100));
        var realTime = SubmitAt(device, 30, WorkClass.RealTime, Kernel("r", 1, 30));
        device.RunUntilIdle();
        Assert.Equal((36_000, 66_000, 130_000), (realTime.StartedAt, realTime.EndedAt, bestEffort.EndedAt));
        Assert.Equal((100 + 100 + 30) * 1000, device.Statistics.Service(WorkClass.BestEffort) +
            device.Statistics.Service(WorkClass.RealTime));
        Assert.Equal(1, Assert.Single(device.Statistics.Preemptions).Stopped);
    }

    [Fact]
    public void Sequential_and_multi_stream_sharing_make_real_time_work_wait()
    {
        Assert.Equal((200_000, 230_000), Shared(ShareMode.Sequential));
        // The next free unit is given to the stream that had less: at 100, after the first of two passes.
        Assert.Equal((100_000, 130_000), Shared(ShareMode.MultiStream));
    }

    [Fact]
    public void A_non_idempotent_block_is_never_killed()
    {
        using var device = new SimulatedDevice(Plain);
        var buffer = device.Allocate(64);
        BufferAccess[] inPlace = [new(buffer, 0, 64, AccessKind.Accumulate)];
        var bestEffort = Submit(device, WorkClass.BestEffort, new SimulatedKernel("a", 1, [100.0], 0, inPlace));
        var realTime = SubmitAt(device, 30, WorkClass.RealTime, Kernel("r", 2, 30));
        device.RunUntilIdle();
        Assert.Equal(100_000, bestEffort.EndedAt);
        // The idle unit takes one block at 38 and the other at 68.
        Assert.Equal((38_000, 98_000), (realTime.StartedAt, realTime.EndedAt));
        Assert.Equal(0, device.Statistics.Totals.Repeated);
    }

    [Fact]
    public void An_aged_best_effort_stream_gets_one_turn_beside_saturating_real_time_work()
    {
        using var clock = new SimulatedDevice();
        var policy = new PriorityPolicy(clock.Clock, TimeSpan.FromMicroseconds(200));
        using var device = new SimulatedDevice(Plain with { Units = 1, Mode = ShareMode.Reset, Policy = policy });
        var bestEffort = Submit(device, WorkClass.BestEffort, Kernel("a", 3, 10));
        var realTime = SubmitAt(device, 1, WorkClass.RealTime,
            [.. Enumerable.Range(0, 40).Select(_ => Kernel("r", 1, 50))]);
        device.RunUntilIdle();
        Assert.True(bestEffort.EndedAt < realTime.EndedAt);
        Assert.InRange(realTime.EndedAt - realTime.StartedAt, 2_030_000, 2_030_000);
    }

    private static (long Started, long Ended) Shared(ShareMode mode)
    {
        using var device = new SimulatedDevice(Plain with { Mode = mode, Units = 1 });
        Submit(device, WorkClass.BestEffort, Kernel("a", 2, 100));
        var realTime = SubmitAt(device, 30, WorkClass.RealTime, Kernel("r", 1, 30));
        device.RunUntilIdle();
        return (realTime.StartedAt, realTime.EndedAt);
    }

    private static double EndOf(int capacity, double microseconds)
    {
        using var device = new SimulatedDevice(Plain with { LaunchMicroseconds = 8, DeviceQueueCapacity = capacity });
        var launch = Submit(device, WorkClass.BestEffort,
            [.. Enumerable.Range(0, 4).Select(_ => Kernel("a", 1, microseconds))]);
        launch.Wait();
        return launch.EndedAt / 1000.0;
    }

    private static SimulatedKernel Kernel(string name, int blocks, double microseconds) =>
        new(name, blocks, [microseconds]);

    private static Launch Submit(SimulatedDevice device, WorkClass workClass, params Kernel[] kernels) =>
        SubmitAt(device, 0, workClass, kernels);

    private static Launch SubmitAt(SimulatedDevice device, double microseconds, WorkClass workClass,
        params Kernel[] kernels)
    {
        var stream = device.CreateStream(new() { Class = workClass });
        var launch = new Launch(device.Load(kernels[0].Name, kernels));
        device.Events.Schedule((long)(microseconds * 1000), () =>
            Assert.Equal(SubmitResult.Accepted, stream.Submit(launch)));
        if (microseconds == 0)
        {
            device.Events.Step();
        }

        return launch;
    }
}
