namespace Atoll.Devices.Tests;

/// <summary>The shape of REEF's figures on preemption latency, queue capacity and padding, in virtual time.</summary>
public class PublishedShapeTests
{
    private static readonly int[] Queues = [10, 100, 200, 300, 400, 500];
    private static readonly int[] Clients = [1, 2, 4, 6, 8];
    private static readonly int[] Capacities = [1, 2, 4, 8, 16, 32, 64, 128, 256];

    [Fact]
    public void Wait_based_latency_grows_linearly_with_queued_kernels_and_reset_stays_flat()
    {
        double[] wait = [.. Queues.Select(queue => PreemptionMicroseconds(ShareMode.Wait, 1, queue))];
        double[] reset = [.. Queues.Select(queue => PreemptionMicroseconds(ShareMode.ResetLeave, 1, queue))];
        Assert.InRange(reset.Max() / reset.Min(), 1, 1.2);
        Assert.InRange(reset.Max(), 10, 60);
        Assert.InRange(wait[^1], 1000, 1400);
        var slope = (wait[^1] - wait[0]) / (Queues[^1] - Queues[0]);
        Assert.All(Enumerable.Range(0, Queues.Length), i =>
            Assert.InRange(wait[i], wait[0] + (slope * (Queues[i] - Queues[0]) * 0.95),
                wait[0] + (slope * Queues[i] * 1.05)));
    }

    [Fact]
    public void Reset_latency_is_flat_in_clients_and_wait_based_latency_grows()
    {
        double[] wait = [.. Clients.Select(clients => PreemptionMicroseconds(ShareMode.Wait, clients, 50))];
        double[] reset = [.. Clients.Select(clients => PreemptionMicroseconds(ShareMode.ResetLeave, clients, 50))];
        Assert.InRange(reset.Max() / reset.Min(), 1, 1.2);
        Assert.True(wait[^1] > 4 * wait[0], $"{wait[0]} to {wait[^1]} us");
        Assert.Equal(wait.Order(), wait);
    }

    [Fact]
    public void Reset_latency_does_not_depend_on_kernel_length()
    {
        double[] reset = [.. new[] { 50.0, 100, 200, 300 }.Select(us =>
            PreemptionMicroseconds(ShareMode.ResetLeave, 1, 50, us))];
        Assert.InRange(reset.Max() / reset.Min(), 1, 1.001);
    }

    [Fact]
    public void A_longer_device_queue_shortens_execution_and_lengthens_preemption()
    {
        var shapes = Capacities.Select(CapacityTradeOff).ToList();
        Assert.Equal(shapes.Select(s => s.Execution).OrderDescending(), shapes.Select(s => s.Execution));
        Assert.Equal(shapes.Select(s => s.Preemption).Order(), shapes.Select(s => s.Preemption));
        Assert.True(shapes[0].Execution > 1.2 * shapes[^1].Execution, "a queue of one hides no launch cost");
        Assert.True(shapes[^1].Preemption > 10 * shapes[1].Preemption, "long device queues must be evicted");
        // REEF's choice: two entries hide most of the launch cost at little preemption latency.
        Assert.InRange(shapes[1].Execution / shapes[^1].Execution, 1, 1.1);
    }

    [Fact]
    public void Padding_with_five_copies_of_the_model_raises_throughput_and_leaves_real_time_latency()
    {
        var model = Mi50Profiles.Load("ResNet-152");
        var alone = ClosedLoop(model, ShareMode.ResetPadding, copies: 0);
        var padded = ClosedLoop(model, ShareMode.ResetPadding, copies: 5);
        var unpadded = ClosedLoop(model, ShareMode.ResetLeave, copies: 5);
        var multiStream = ClosedLoop(model, ShareMode.MultiStream, copies: 5);
        Assert.InRange(padded.RealTimeMean / alone.RealTimeMean, 0.999, 1.02);
        Assert.InRange(padded.Total / (double)alone.Total, 1.3, 8);
        Assert.Equal(alone.Total, unpadded.Total);
        Assert.True(multiStream.RealTimeMean > 1.1 * alone.RealTimeMean, $"{multiStream} beside {alone}");
    }

    [Fact]
    public void The_guard_pauses_padding_that_slows_real_time_work_and_only_that()
    {
        Assert.InRange(GuardedPaddedShare(contention: 0), 0.8, 1);
        Assert.InRange(GuardedPaddedShare(contention: 0.2), 0, 0.3);
    }

    private static double PreemptionMicroseconds(ShareMode mode, int clients, int queued,
        double kernelMicroseconds = 100)
    {
        using var device = new SimulatedDevice(new() { Mode = mode });
        for (var i = 0; i < clients; i++)
        {
            var kernels = Enumerable.Range(0, queued).Select(_ =>
                new SimulatedKernel("k", 60, [kernelMicroseconds])).ToArray();
            device.CreateStream(new()).Submit(new Launch(device.Load("be", kernels)));
        }

        device.RunFor(TimeSpan.FromMicroseconds(kernelMicroseconds * 0.2));
        SubmitRealTime(device);
        device.RunUntilIdle();
        return Assert.Single(device.Statistics.Preemptions).Total / 1000.0;
    }

    private static (double Execution, double Preemption) CapacityTradeOff(int capacity)
    {
        var random = new Random(5);
        SimulatedDeviceOptions options = new() { Mode = ShareMode.ResetLeave, LaunchMicroseconds = 20,
            DeviceQueueCapacity = capacity };
        SimulatedKernel[] kernels = [.. Enumerable.Range(0, 300).Select(_ =>
            new SimulatedKernel("k", 60, [random.Next(12, 120)]))];
        using var device = new SimulatedDevice(options);
        var launch = new Launch(device.Load("be", kernels));
        var stream = device.CreateStream(new() { QueueCapacity = 8 });
        stream.Submit(launch);
        launch.Wait();
        var execution = (launch.EndedAt - launch.StartedAt) / 1000.0;
        stream.Submit(launch);
        device.RunFor(TimeSpan.FromMilliseconds(10));
        SubmitRealTime(device);
        device.RunUntilIdle();
        return (execution, Assert.Single(device.Statistics.Preemptions).Total / 1000.0);
    }

    private static Launch SubmitRealTime(SimulatedDevice device)
    {
        Kernel[] tiny = [new SimulatedKernel("r1", 1, [10.0]), new SimulatedKernel("r2", 1, [10.0])];
        var launch = new Launch(device.Load("rt", tiny));
        device.CreateStream(new() { Class = WorkClass.RealTime }).Submit(launch);
        return launch;
    }

    private static (double RealTimeMean, int Total) ClosedLoop(IReadOnlyList<Kernel> model, ShareMode mode, int copies)
    {
        const int Launches = 10;
        var policy = new PriorityPolicy(TimeProvider.System, Timeout.InfiniteTimeSpan);
        using var device = new SimulatedDevice(new() { Mode = mode, Policy = policy });
        var total = 0;
        for (var i = 0; i < copies; i++)
        {
            var stream = device.CreateStream(new());
            stream.Submit(new Launch(device.Load("be", model))
            {
                OnEnded = ended =>
                {
                    total += ended.Status == LaunchStatus.Completed ? 1 : 0;
                    stream.Submit(ended);
                },
            });
        }

        var times = new List<double>();
        var realTimeStream = device.CreateStream(new() { Class = WorkClass.RealTime });
        var realTime = new Launch(device.Load("rt", model));
        realTime.OnEnded = ended =>
        {
            times.Add((ended.EndedAt - ended.SubmittedAt) / 1000.0);
            if (times.Count < Launches)
            {
                realTimeStream.Submit(ended);
            }
        };
        realTimeStream.Submit(realTime);
        while (times.Count < Launches)
        {
            device.RunFor(TimeSpan.FromMicroseconds(100));
        }

        return (times.Average(), total + Launches);
    }

    private static double GuardedPaddedShare(double contention)
    {
        using var device = new SimulatedDevice(new()
        {
            Units = 4,
            Mode = ShareMode.ResetPadding,
            PaddingContention = contention,
            PaddingGuard = new(),
        });
        var bestEffort = device.CreateStream(new());
        bestEffort.Submit(new Launch(device.Load("be", [new SimulatedKernel("k", 4000, [10.0])]))
        {
            OnEnded = ended => bestEffort.Submit(ended),
        });
        var stream = device.CreateStream(new() { Class = WorkClass.RealTime });
        var launch = new Launch(device.Load("rt",
            [.. Enumerable.Range(0, 5).Select(_ => new SimulatedKernel("r", 1, [100.0]))]));
        for (var i = 0; i < 1000; i++)
        {
            stream.Submit(launch);
            launch.Wait();
        }

        return device.Statistics.PaddedShare;
    }
}
