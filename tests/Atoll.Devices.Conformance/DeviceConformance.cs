namespace Atoll.Devices.Conformance;

/// <summary>What every device promises, through the public contract alone. Derive once per device.</summary>
public abstract class DeviceConformance
{
    /// <summary>Longest real time that anything here may take before it counts as hung.</summary>
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(2);

    public static TheoryData<ShareMode> Modes => [.. Enum.GetValues<ShareMode>()];

    /// <summary>The device runs the bodies of kernels.</summary>
    protected virtual bool RunsBodies => true;

    protected abstract Device Create(ShareMode mode);

    /// <summary>A device with this policy in a preemptive mode; null when it takes none.</summary>
    protected virtual Device? Create(IPolicy policy) => null;

    [Theory]
    [MemberData(nameof(Modes))]
    public void Launches_of_a_stream_complete_in_order(ShareMode mode)
    {
        using var device = Create(mode);
        var ended = new System.Collections.Concurrent.ConcurrentQueue<(int Stream, int Launch)>();
        var launches = new List<Launch>();
        var random = new Random(3);
        using var told = new CountdownEvent(60);
        var streams = Enumerable.Range(0, 3).Select(i =>
            device.CreateStream(new() { Class = i == 0 ? WorkClass.RealTime : WorkClass.BestEffort })).ToArray();
        for (var i = 0; i < told.InitialCount; i++)
        {
            var (stream, index) = (random.Next(3), i);
            launches.Add(new Launch(device.Load("p", [new CountingKernel("k", random.Next(1, 9), 3)])));
            launches[i].OnEnded = _ =>
            {
                ended.Enqueue((stream, index));
                told.Signal();
            };
            Assert.Equal(SubmitResult.Accepted, streams[stream].Submit(launches[i]));
        }

        launches.ForEach(AssertCompletes);
        Assert.True(told.Wait(Patience), "a launch ended that was not told");
        foreach (var stream in ended.GroupBy(e => e.Stream))
        {
            Assert.Equal(stream.Select(e => e.Launch).Order(), stream.Select(e => e.Launch));
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Every_block_runs_exactly_once_whatever_preempts_it(ShareMode mode)
    {
        using var device = Create(mode);
        var random = new Random(7);
        CountingKernel[] kernels = [.. Enumerable.Range(0, 30).Select(_ =>
            new CountingKernel("k", random.Next(1, 9), random.Next(1, 30)))];
        var urgent = new CountingKernel("urgent", 3, 4);
        Launch[] launches = [.. Enumerable.Range(0, 8).Select(_ => new Launch(device.Load("work", kernels)))];
        var preemptions = PreemptUntilEnded(device, launches, urgent, random);
        Assert.All(launches, l => Assert.Equal(LaunchStatus.Completed, l.Status));
        var factor = RunsBodies ? 1 : 0;
        Assert.All(kernels, k => Assert.All(k.Finished, n => Assert.Equal(8 * factor, n)));
        Assert.All(urgent.Finished, n => Assert.Equal(preemptions * factor, n));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Results_with_reused_and_accumulated_buffers_equal_an_undisturbed_run(ShareMode mode)
    {
        Assert.SkipUnless(RunsBodies, "the device runs no kernel bodies");
        using var device = Create(mode);
        var undisturbed = RunMaps(device, (stream, launch) =>
        {
            stream.Submit(launch);
            AssertCompletes(launch);
        });
        var random = new Random(11);
        for (var i = 0; i < 3; i++)
        {
            var stormed = RunMaps(device, (_, launch) =>
                PreemptUntilEnded(device, [launch], new CountingKernel("urgent", 2, 3), random));
            Assert.Equal(undisturbed, stormed);
        }
    }

    [Fact]
    public void A_full_host_queue_refuses_and_a_queued_launch_is_busy()
    {
        using var device = Create(ShareMode.Reset);
        var client = device.CreateClient("c", 1000);
        using var stream = device.CreateStream(new() { Client = client, QueueCapacity = 3 });
        var program = device.Load("p", [new CountingKernel("k", 2)]);
        Launch[] launches = [.. Enumerable.Range(0, 4).Select(_ => new Launch(program))];
        client.Suspend();
        Assert.All(launches[..3], l => Assert.Equal(SubmitResult.Accepted, stream.Submit(l)));
        Assert.Equal(3, stream.Depth);
        Assert.Equal(SubmitResult.QueueFull, stream.Submit(launches[3]));
        Assert.Equal(LaunchStatus.Idle, launches[3].Status);
        using var other = device.CreateStream(new());
        Assert.Equal(SubmitResult.Busy, other.Submit(launches[0]));
        client.Resume();
        Assert.All(launches[..3], AssertCompletes);
        Assert.Equal(SubmitResult.Accepted, other.Submit(launches[3]));
        AssertCompletes(launches[3]);
    }

    [Fact]
    public void A_launch_that_cannot_start_by_its_deadline_is_dropped_as_late()
    {
        using var device = Create(ShareMode.Reset);
        var client = device.CreateClient("c", 1000);
        using var stream = device.CreateStream(new() { Client = client });
        var kernel = new CountingKernel("k", 2);
        var program = device.Load("p", [kernel]);
        var soon = device.Clock.GetTimestamp() + (device.Clock.TimestampFrequency / 1000);
        var late = new Launch(program) { Deadline = soon };
        var next = new Launch(program);
        client.Suspend();
        Assert.Equal(SubmitResult.Accepted, stream.Submit(late));
        Assert.Equal(SubmitResult.Accepted, stream.Submit(next));
        Assert.False(late.Wait(2 * Moment));
        client.Resume();
        AssertCompletes(next);
        Assert.Equal(LaunchStatus.Late, late.Status);
        Assert.Equal(RunsBodies ? 2 : 0, kernel.FinishedSum);
    }

    [Fact]
    public void Cancelled_launches_are_dropped_and_the_others_run()
    {
        using var device = Create(ShareMode.Reset);
        var client = device.CreateClient("c", 1000);
        using var stream = device.CreateStream(new() { Client = client });
        Launch[] launches = [.. Enumerable.Range(0, 4).Select(_ =>
            new Launch(device.Load("p", [new CountingKernel("k", 2)])))];
        client.Suspend();
        Assert.All(launches, l => Assert.Equal(SubmitResult.Accepted, stream.Submit(l)));
        launches[0].Cancel();
        launches[2].Cancel();
        client.Resume();
        AssertCompletes(launches[3]);
        Assert.Equal([LaunchStatus.Cancelled, LaunchStatus.Completed, LaunchStatus.Cancelled, LaunchStatus.Completed],
            launches.Select(l => l.Status));
        client.Suspend();
        Assert.All(launches, l => Assert.Equal(SubmitResult.Accepted, stream.Submit(l)));
        Assert.Equal(4, stream.CancelAll());
        client.Resume();
        Assert.All(launches, l => AssertEnds(l, LaunchStatus.Cancelled));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Cancelled_launches_of_a_suspended_client_end_without_it(ShareMode mode)
    {
        using var device = Create(mode);
        var client = device.CreateClient("c", 1000);
        client.Suspend();
        foreach (var workClass in Enum.GetValues<WorkClass>())
        {
            using var stream = device.CreateStream(new() { Class = workClass, Client = client });
            var kernel = new CountingKernel("k", 2);
            Launch[] launches = [.. Enumerable.Range(0, 3).Select(_ => new Launch(device.Load("p", [kernel])))];
            Assert.All(launches, l => Assert.Equal(SubmitResult.Accepted, stream.Submit(l)));
            Assert.Equal(3, stream.CancelAll());
            Assert.All(launches, l => AssertEnds(l, LaunchStatus.Cancelled));
            Assert.Equal(0, kernel.FinishedSum);
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Cancelling_stops_a_running_launch(ShareMode mode)
    {
        Assert.SkipUnless(RunsBodies, "launches of this device take no time");
        using var device = Create(mode);
        using var stream = device.CreateStream(new());
        var endless = new Launch(device.Load("endless", [new EndlessKernel()]));
        stream.Submit(endless);
        Assert.False(endless.Wait(Moment));
        endless.Cancel();
        AssertEnds(endless, LaunchStatus.Cancelled);
        var next = new Launch(device.Load("p", [new CountingKernel("k", 2)]));
        Assert.Equal(SubmitResult.Accepted, stream.Submit(next));
        AssertCompletes(next);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Suspending_a_client_stops_all_its_streams_and_loses_nothing(ShareMode mode)
    {
        using var device = Create(mode);
        var client = device.CreateClient("c", 1000);
        CountingKernel[] kernels = [.. Enumerable.Range(0, 40).Select(_ => new CountingKernel("k", 8, 30))];
        Launch[] launches = [new(device.Load("a", kernels[..20])), new(device.Load("b", kernels[20..]))];
        DeviceStream[] streams = [device.CreateStream(new() { Client = client }),
            device.CreateStream(new() { Client = client })];
        for (var round = 0; round < 3; round++)
        {
            streams[0].Submit(launches[0]);
            streams[1].Submit(launches[1]);
            launches[0].Wait(TimeSpan.FromMicroseconds(300));
            client.Suspend();
            Assert.True(client.Suspended);
            // Running blocks are left at a yield point: after a moment nothing moves any more.
            launches[1].Wait(Moment);
            var before = kernels.Sum(k => k.FinishedSum);
            launches[1].Wait(2 * Moment);
            Assert.Equal(before, kernels.Sum(k => k.FinishedSum));
            client.Resume();
            Assert.All(launches, AssertCompletes);
        }

        Assert.All(kernels, k => Assert.All(k.Finished, n => Assert.Equal(RunsBodies ? 3 : 0, n)));
    }

    [Fact]
    public void A_failing_kernel_fails_its_launch_and_the_stream_goes_on()
    {
        Assert.SkipUnless(RunsBodies, "the device runs no kernel bodies");
        using var device = Create(ShareMode.Reset);
        using var stream = device.CreateStream(new());
        var after = new CountingKernel("after", 2);
        var failing = new Launch(device.Load("f", [new FailingKernel(), after]));
        var next = new Launch(device.Load("p", [new CountingKernel("k", 2)]));
        stream.Submit(failing);
        stream.Submit(next);
        AssertEnds(failing, LaunchStatus.Failed);
        Assert.Equal("broken on purpose", failing.Failure?.Message);
        Assert.Equal(0, after.FinishedSum);
        AssertCompletes(next);
    }

    [Fact]
    public void Memory_beyond_the_clients_budget_or_the_device_is_refused()
    {
        using var device = Create(ShareMode.Reset);
        var client = device.CreateClient("c", 1000);
        using var held = device.Allocate(600, client);
        Assert.Equal(DeviceError.ClientBudgetExceeded, Refused(() => device.Allocate(401, client)));
        Assert.Equal(DeviceError.OutOfMemory, Refused(() =>
            device.Allocate(device.MemoryBytes - 599, device.CreateClient("big", long.MaxValue))));
        held.Dispose();
        device.Allocate(1000, client).Dispose();
        Assert.Equal(0, device.MemoryInUseBytes);
        Assert.Equal(0, client.MemoryInUseBytes);
    }

    [Fact]
    public void Objects_of_another_device_and_freed_buffers_are_refused()
    {
        using var device = Create(ShareMode.Reset);
        using var other = Create(ShareMode.Reset);
        var (mine, foreign) = (device.Allocate(64), other.Allocate(64));
        Assert.Equal(DeviceError.ForeignObject, Refused(() =>
            device.Load("p", [new MapKernel(mine, foreign, 1, 1, false)])));
        mine.Dispose();
        Assert.Equal(DeviceError.ForeignObject, Refused(() =>
            device.Load("p", [new MapKernel(mine, mine, 1, 1, false)])));
        using var stream = device.CreateStream(new());
        var launch = new Launch(other.Load("p", [new CountingKernel("k", 1)]));
        Assert.Equal(DeviceError.ForeignObject, Refused(() => stream.Submit(launch)));
        Assert.Equal(DeviceError.ForeignObject, Refused(() =>
            device.CreateStream(new() { Client = other.DefaultClient })));
        Assert.Equal(DeviceError.InvalidProgram, Refused(() => device.Load("p", [])));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Disposal_cancels_what_is_left_and_leaks_nothing(ShareMode mode)
    {
        var device = Create(mode);
        var buffer = device.Allocate(4096);
        var client = device.CreateClient("c", 1000);
        DeviceStream[] streams = [device.CreateStream(new() { Client = client }),
            device.CreateStream(new() { Class = WorkClass.RealTime })];
        client.Suspend();
        Launch[] launches = [.. Enumerable.Range(0, 5).Select(_ =>
            new Launch(device.Load("p", [new CountingKernel("k", 2)])))];
        Assert.All(launches[1..], l => Assert.Equal(SubmitResult.Accepted, streams[0].Submit(l)));
        if (RunsBodies)
        {
            launches[0] = new Launch(device.Load("endless", [new EndlessKernel()]));
            streams[1].Submit(launches[0]);
            Assert.False(launches[0].Wait(Moment));
        }

        device.Dispose();
        Assert.All(launches[(RunsBodies ? 0 : 1)..], l => Assert.Equal(LaunchStatus.Cancelled, l.Status));
        Assert.True(buffer.IsDisposed);
        Assert.Equal(0, device.MemoryInUseBytes);
        Assert.Equal(SubmitResult.Disposed, streams[0].Submit(launches[1]));
        Assert.Throws<ObjectDisposedException>(() => device.CreateStream(new()));
        // Whoever still holds a handle may let go of it in any order.
        launches[1].Cancel();
        client.Resume();
        Array.ForEach(streams, s => s.Dispose());
        device.Dispose();
    }

    [Fact]
    public void The_policy_decides_which_stream_goes_first()
    {
        using var device = Create(new BackwardPolicy());
        Assert.SkipWhen(device is null, "the device takes no policy");
        var client = device.CreateClient("c", 1000);
        client.Suspend();
        Launch[] launches = [.. Enumerable.Range(0, 4).Select(_ =>
            new Launch(device.Load("p", [new CountingKernel("k", 64, 20)])))];
        for (var i = 0; i < launches.Length; i++)
        {
            var stream = device.CreateStream(new() { Client = client, Priority = i });
            Assert.Equal(SubmitResult.Accepted, stream.Submit(launches[i]));
        }

        client.Resume();
        Assert.All(launches, AssertCompletes);
        Assert.Equal([3, 2, 1, 0], Enumerable.Range(0, 4).OrderBy(i => launches[i].EndedAt));
    }

    [Fact]
    public void A_launch_that_the_policy_does_not_admit_stays_idle()
    {
        using var device = Create(new EarliestDeadlinePolicy());
        Assert.SkipWhen(device is null, "the device takes no policy");
        using var stream = device.CreateStream(new());
        var launch = new Launch(device.Load("p", [new CountingKernel("k", 1)])) { Deadline = 1 };
        new Launch(launch.Program).Wait(Moment);
        Assert.Equal(SubmitResult.NotAdmitted, stream.Submit(launch));
        Assert.Equal(LaunchStatus.Idle, launch.Status);
        launch.Deadline = device.Clock.GetTimestamp() + (10 * device.Clock.TimestampFrequency);
        Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
        AssertCompletes(launch);
    }

    [Fact]
    public void A_launch_may_be_submitted_again_when_it_has_ended()
    {
        using var device = Create(ShareMode.ResetPadding);
        using var stream = device.CreateStream(new());
        var kernel = new CountingKernel("k", 3);
        var launch = new Launch(device.Load("p", [kernel]));
        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
            AssertCompletes(launch);
            Assert.Equal(RunsBodies ? 3 * i : 0, kernel.FinishedSum);
            Assert.True(launch.SubmittedAt <= launch.StartedAt && launch.StartedAt <= launch.EndedAt);
        }
    }

    private static int PreemptUntilEnded(Device device, Launch[] launches, CountingKernel urgent, Random random)
    {
        using var background = device.CreateStream(new() { Name = "background" });
        using var front = device.CreateStream(new() { Class = WorkClass.RealTime, Name = "front" });
        var preempting = new Launch(device.Load("urgent", [urgent]));
        Assert.All(launches, l => Assert.Equal(SubmitResult.Accepted, background.Submit(l)));
        var preemptions = 0;
        do
        {
            Assert.Equal(SubmitResult.Accepted, front.Submit(preempting));
            AssertCompletes(preempting);
            preemptions++;
        }
        while (!launches[^1].Wait(TimeSpan.FromMicroseconds(random.Next(20, 200))));
        return preemptions;
    }

    /// <summary>
    /// A chain over two scratch buffers and an accumulator, so that any repeat out of order would show.
    /// </summary>
    private static int[] RunMaps(Device device, Action<DeviceStream, Launch> run)
    {
        using DeviceBuffer first = device.Allocate(4000), second = device.Allocate(4000), sum = device.Allocate(4000);
        List<Kernel> kernels = [];
        for (var i = 0; i < 12; i++)
        {
            kernels.Add(new MapKernel(first, second, 7, 3 + i, false));
            kernels.Add(new MapKernel(second, sum, 5, 1, true));
            kernels.Add(new MapKernel(second, first, 3, 5 + i, false));
        }

        using var stream = device.CreateStream(new());
        run(stream, new Launch(device.Load("maps", kernels)));
        return [.. first.AsSpan<int>(), .. second.AsSpan<int>(), .. sum.AsSpan<int>()];
    }

    private static void AssertCompletes(Launch launch) => AssertEnds(launch, LaunchStatus.Completed);

    private static void AssertEnds(Launch launch, LaunchStatus status)
    {
        Assert.True(launch.Wait(Patience), $"the launch is {launch.Status} after {Patience}");
        Assert.Equal(status, launch.Status);
    }

    private static DeviceError Refused(Action action) => Assert.Throws<DeviceException>(action).Error;
}
