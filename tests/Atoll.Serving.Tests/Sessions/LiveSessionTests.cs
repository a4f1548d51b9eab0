using Atoll.Devices;

namespace Atoll.Serving.Tests;

public sealed class LiveSessionTests
{
    [Fact]
    public async Task Requests_that_come_while_a_batch_runs_go_together_in_the_next_and_get_their_own_rows()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        Task<InferenceOutcome>[] rest = [bench.InferAsync(2), bench.InferAsync(3, rows: 2), bench.InferAsync(4)];

        device.EndOne();
        device.EndOne();

        Assert.Equal([1], SessionBench.Take(await first));
        Assert.Equal([2], SessionBench.Take(await rest[0]));
        Assert.Equal([3, 3], SessionBench.Take(await rest[1]));
        Assert.Equal([4], SessionBench.Take(await rest[2]));
        Assert.Equal<byte[]>([[1], [2, 3, 4]], device.Batches);
        Assert.Equal([new BatchCount(1, 1), new BatchCount(4, 1)], bench.Session.Counts.Batches);
        Assert.Equal(4, bench.Session.Counts.Good);
    }

    [Fact]
    public async Task An_answer_goes_out_before_what_has_only_arrived_is_looked_at()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var isApart = bench.InferAsync(1).ContinueWith(
            _ => CompletionThreads.IsCurrent, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        device.EndOne();

        Assert.True(await isApart);
    }

    [Fact]
    public async Task Rows_that_do_not_fit_wait_for_the_next_batch()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        Task<InferenceOutcome>[] rest = [bench.InferAsync(2, rows: 5), bench.InferAsync(3, rows: 4)];

        device.EndOne();
        device.EndOne();
        device.EndOne();

        await Task.WhenAll([first, .. rest]);
        Assert.Equal<byte[]>([[1], [2], [3]], device.Batches);
    }

    [Fact]
    public async Task A_request_that_cannot_end_in_time_leaves_the_batch_before_it_runs_and_says_why()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        var hopeless = bench.InferAsync(2);
        bench.Clock.Advance(98_000);
        var fresh = bench.InferAsync(3);

        device.EndOne();
        var dropped = await hopeless;
        device.EndOne();

        Assert.Equal(InferenceStatus.Late, dropped.Status);
        Assert.Contains("objective of 100 ms", dropped.Reason);
        Assert.Equal([3], SessionBench.Take(await fresh));
        Assert.Equal<byte[]>([[1], [3]], device.Batches);
        Assert.Equal(1, bench.Session.Counts.Dropped);
        await first;
    }

    [Fact]
    public async Task An_answer_after_the_deadline_counts_as_late()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var request = bench.InferAsync(1);
        bench.Clock.Advance(101_000);

        device.EndOne();

        await request;
        Assert.Equal((0, 1), (bench.Session.Counts.Good, bench.Session.Counts.Late));
    }

    [Fact]
    public async Task A_client_that_leaves_while_it_waits_is_not_in_the_batch()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        using var leaving = new CancellationTokenSource();
        var first = bench.InferAsync(1);
        var left = bench.LeavingAsync(2, leaving.Token);
        var stays = bench.InferAsync(3);

        await leaving.CancelAsync();
        device.EndOne();
        device.EndOne();

        Assert.Equal(InferenceStatus.Cancelled, (await left).Status);
        Assert.Equal<byte[]>([[1], [3]], device.Batches);
        await Task.WhenAll(first, stays);
    }

    [Fact]
    public async Task A_batch_stops_on_the_device_when_all_its_clients_have_left_and_not_before()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        using var one = new CancellationTokenSource();
        using var other = new CancellationTokenSource();
        var first = bench.InferAsync(1);
        Task<InferenceOutcome>[] batch =
            [bench.LeavingAsync(2, one.Token), bench.LeavingAsync(3, other.Token)];
        device.EndOne();

        await one.CancelAsync();
        Assert.Equal(0, device.Cancelled);
        await other.CancelAsync();

        Assert.Equal(1, device.Cancelled);
        Assert.All(await Task.WhenAll(batch), outcome => Assert.Equal(InferenceStatus.Cancelled, outcome.Status));
        var next = bench.InferAsync(4);
        device.EndOne();
        Assert.Equal([4], SessionBench.Take(await next));
        await first;
    }

    [Fact]
    public async Task Two_devices_take_from_one_queue()
    {
        using var bench = new SessionBench();
        var (a, b) = (bench.AddDevice(), bench.AddDevice());
        Task<InferenceOutcome>[] requests = [bench.InferAsync(1), bench.InferAsync(2), bench.InferAsync(3)];

        b.EndOne();
        b.EndOne();
        a.EndOne();

        await Task.WhenAll(requests);
        Assert.Equal<byte[]>([[1]], a.Batches);
        Assert.Equal<byte[]>([[2], [3]], b.Batches);
    }

    [Fact]
    public async Task Full_queue_and_certain_misses_are_refused_with_a_reason()
    {
        using var bench = new SessionBench(SessionBench.Options() with { QueueCapacity = 2 });
        var device = bench.AddDevice();
        Task<InferenceOutcome>[] held = [bench.InferAsync(1), bench.InferAsync(2), bench.InferAsync(3)];

        var full = await bench.InferAsync(4);
        var short1 = await bench.InferAsync(5, deadline: bench.Clock.GetTimestamp() + 2_000);
        var rows = await bench.InferAsync(6, rows: 9);

        Assert.Equal(InferenceStatus.QueueFull, full.Status);
        Assert.Contains("queue_capacity", full.Reason);
        Assert.Equal(InferenceStatus.NotAdmitted, short1.Status);
        Assert.Contains("alone it takes 3 ms, and 2 ms are left", short1.Reason);
        Assert.Equal(InferenceStatus.Rejected, rows.Status);
        Assert.Contains("1 to 8 are possible (setting max_batch_size", rows.Reason);
        Assert.Equal(3, bench.Session.Counts.Refused);
        device.EndOne();
        device.EndOne();
        await Task.WhenAll(held);
    }

    [Fact]
    public async Task A_batch_is_stopped_while_no_lock_of_its_session_is_held()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var isHeld = true;
        device.OnCancelled = () => isHeld = bench.Session.Gate.IsHeldByCurrentThread;
        using var leaving = new CancellationTokenSource();
        var left = bench.LeavingAsync(1, leaving.Token);

        await leaving.CancelAsync();

        Assert.Equal(InferenceStatus.Cancelled, (await left).Status);
        Assert.False(isHeld);
        var next = bench.InferAsync(2);
        device.EndOne();
        Assert.Equal([2], SessionBench.Take(await next));
    }

    [Fact]
    public async Task A_session_within_its_rate_goes_before_one_beyond_it()
    {
        using var bench = new SessionBench();
        var greedy = new LiveSession(SessionBench.Options(50), bench.Clock, bench.Clock.GetTimestamp());
        using var lane = new DeviceLane("fake", WorkClass.RealTime, bench.Clock, bench.Clock.GetTimestamp());
        var (promisedReplica, greedyReplica) =
            (new FakeReplica { Gated = true }, new FakeReplica { Gated = true });
        var promised = new LaneSeat(
            SessionGroup.Of(bench.Session), lane,
                new Resident(promisedReplica, new LiveProfile(SessionBench.Profile, bench.Clock)))
        {
            Rule = new EarlyDropRule(1), Batch = 1, Rate = 100,
        };
        var other = bench.Seat(greedy, lane, greedyReplica, batch: 1);
        lane.Serve([promised, other]);
        bench.Session.Serve([promised]);
        greedy.Serve([other]);
        bench.Clock.Advance(1_000_000);
        var running = greedy.InferAsync(SessionBench.Request(1), CancellationToken.None).AsTask();
        var urgent = greedy.InferAsync(SessionBench.Request(2), CancellationToken.None).AsTask();
        var within = bench.InferAsync(3);

        greedyReplica.EndOne();

        Assert.Equal<byte[]>([[3]], promisedReplica.Batches);
        promisedReplica.EndOne();
        greedyReplica.EndOne();
        await Task.WhenAll(running, urgent, within);
    }

    [Fact]
    public async Task Only_the_wait_in_the_session_is_told_as_queued()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        bench.Clock.Advance(5_000);
        var came = bench.Clock.GetTimestamp();
        bench.Clock.Advance(3_000);
        var first = bench.InferAsync(1);
        var request = SessionBench.Request(2);
        request.Arrival = came;
        var second = bench.Session.InferAsync(request, CancellationToken.None).AsTask();
        bench.Clock.Advance(2_000);

        device.EndOne();
        device.EndOne();

        await first;
        var outcome = await second;
        Assert.Equal(TimeSpan.FromMilliseconds(2), outcome.Timing.Queued);
    }

    [Fact]
    public async Task Rates_and_load_count_rows_and_a_request_of_many_rows_is_admitted_by_its_own_time()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice(gated: false);
        bench.Session.ReadRate();
        for (var i = 0; i < 5; i++)
        {
            SessionBench.Take(await bench.InferAsync(1, rows: 6));
        }

        bench.Clock.Advance(1_000_000);
        bench.Session.ReadRate();
        Assert.Equal(6, bench.Session.RowsEach);
        var tooLong = await bench.InferAsync(2, rows: 8, deadline: bench.Clock.GetTimestamp() + 9_000);

        Assert.Equal(30, bench.Session.SmoothedRate);
        Assert.Equal(30, bench.Session.Load.Session.Rate);
        Assert.Equal((5, 30), (bench.Session.Counts.Good, bench.Session.Counts.GoodRows));
        Assert.Equal([new BatchCount(6, 5)], bench.Session.Counts.Batches);
        Assert.Contains("alone it takes 10 ms, and 9 ms are left", tooLong.Reason);
    }

    [Fact]
    public async Task Of_a_batch_with_wrong_input_only_the_wrong_request_is_refused()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        Task<InferenceOutcome>[] batch = [bench.InferAsync(2), bench.InferAsync(3), bench.InferAsync(4)];
        var next = bench.InferAsync(5, rows: 3);

        device.EndOne();
        device.EndOne(InferenceStatus.Rejected);
        device.EndOne();
        device.EndOne(InferenceStatus.Rejected);
        device.EndOne();
        device.EndOne();

        await first;
        Assert.Equal([2], SessionBench.Take(await batch[0]));
        Assert.Equal(InferenceStatus.Rejected, (await batch[1]).Status);
        Assert.Equal([4], SessionBench.Take(await batch[2]));
        Assert.Equal([5, 5, 5], SessionBench.Take(await next));
        Assert.Equal<byte[]>([[1], [2, 3, 4], [2], [3], [4], [5]], device.Batches);
        Assert.Equal((4, 1), (bench.Session.Counts.Good, bench.Session.Counts.Failed));
        Assert.True(bench.Session.Seats[0].Resident.TryLeave(), "the replica is still held");
    }

    [Fact]
    public async Task Requests_that_are_to_run_again_are_left_out_when_their_clients_leave_or_their_time_is_over()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        using var leaving = new CancellationTokenSource();
        var first = bench.InferAsync(1);
        var stays = bench.InferAsync(2);
        var leaves = bench.LeavingAsync(3, leaving.Token);
        var ends = bench.InferAsync(4);
        device.EndOne();
        device.EndOne(InferenceStatus.Rejected);

        await leaving.CancelAsync();
        bench.Clock.Advance(98_000);
        device.EndOne();

        await first;
        Assert.Equal([2], SessionBench.Take(await stays));
        Assert.Equal(InferenceStatus.Cancelled, (await leaves).Status);
        Assert.Equal(InferenceStatus.Late, (await ends).Status);
        Assert.Equal<byte[]>([[1], [2, 3, 4], [2]], device.Batches);
        Assert.Equal((1, 1), (bench.Session.Counts.Cancelled, bench.Session.Counts.Dropped));
        Assert.True(bench.Session.Seats[0].Resident.TryLeave(), "the replica is still held");
    }

    [Fact]
    public async Task A_fault_of_one_batch_is_told_and_the_next_one_runs()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice(gated: false);
        device.Fault = new InvalidOperationException("kernel 'conv1' threw");

        var failed = await bench.InferAsync(1);
        device.Fault = null;

        Assert.Equal(InferenceStatus.Failed, failed.Status);
        Assert.Contains("conv1", failed.Reason);
        Assert.Equal([2], SessionBench.Take(await bench.InferAsync(2)));
    }

    [Fact]
    public void A_warm_session_allocates_nothing_for_a_request()
    {
        using var bench = new SessionBench();
        bench.AddDevice(gated: false);
        var request = SessionBench.Request(1);
        Run(1000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Run(1000);

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, allocated);

        void Run(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var running = bench.Session.InferAsync(request, CancellationToken.None);
                while (!running.IsCompleted)
                {
                    Thread.Yield();
                }

                running.Result.Outputs!.Dispose();
            }
        }
    }
}
