namespace Atoll.Serving.Tests;

public sealed class DispatcherTests
{
    private static readonly BatchProfile Profile = BatchProfile.Linear("m", "gpu", 1, 10, 32);
    private readonly RecordingSink _sink = new();

    private static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static QueuedRequest Request(long id, double arrival, double deadline) =>
        new(id, Ms(arrival), Ms(deadline));

    private static DispatchQueue Queue(int session, int[] devices, IBatchRule rule, IBatchRule? deferral = null) =>
        new(session, devices, [.. devices.Select(_ => Profile)], rule, 100) { Batch = 8, Deferral = deferral };

    [Fact]
    public void A_shared_queue_starts_on_the_first_idle_device_and_gathers_while_all_are_busy()
    {
        var dispatcher = new Dispatcher(
            [Queue(0, [0, 1], new EarlyDropRule(8))], sessions: 1, devices: 2, new EarliestDeadlineOrder(), _sink);
        for (var id = 0; id < 5; id++)
        {
            Assert.True(dispatcher.Enqueue(0, Request(id, id, 100 + id), Ms(id)));
        }

        dispatcher.Free(1, Ms(12));

        Assert.Equal([(0, "0"), (1, "1"), (1, "2 3 4")], _sink.Started);
        Assert.True(dispatcher.Queues[0].Waiting.Count == 0 && !dispatcher.IsIdle(0) && !dispatcher.IsIdle(1));
    }

    [Fact]
    public void Weights_divide_a_session_among_its_queues()
    {
        var small = new DispatchQueue(0, [0], [Profile], new EarlyDropRule(1), 1000) { Weight = 1 };
        var large = new DispatchQueue(0, [1], [Profile], new EarlyDropRule(1), 1000) { Weight = 3 };
        var dispatcher = new Dispatcher([small, large], 1, 2, new RoundRobinOrder(2), _sink);
        dispatcher.Occupy(0);
        dispatcher.Occupy(1);
        for (var id = 0; id < 400; id++)
        {
            dispatcher.Enqueue(0, Request(id, 0, 1000), Ms(0));
        }

        Assert.Equal((100, 300), (small.Waiting.Count, large.Waiting.Count));
    }

    [Fact]
    public void A_deferred_batch_starts_at_its_last_moment_or_when_a_device_would_be_missing()
    {
        DispatchQueue[] queues =
        [
            Queue(0, [0], new EarlyDropRule(8), new DeferredRule(8)),
            Queue(1, [0], new EarlyDropRule(8), new DeferredRule(8)),
        ];
        var dispatcher = new Dispatcher(queues, 2, 1, new EarliestStartOrder(), _sink);

        // Alone it may wait until two would no longer fit: 100 - 12.
        dispatcher.Enqueue(0, Request(1, 0, 100), Ms(0));
        Assert.Empty(_sink.Started);
        Assert.Equal(Ms(88), dispatcher.WakeAt);

        // Another session's batch would need the device at about the same time: one of them goes now.
        dispatcher.Enqueue(1, Request(2, 1, 101), Ms(1));
        Assert.Equal([(0, "2")], _sink.Started);
        dispatcher.Free(0, Ms(12));
        dispatcher.Wake(Ms(88));
        Assert.Equal([(0, "2"), (0, "1")], _sink.Started);
    }

    [Fact]
    public void Unknown_sessions_and_full_queues_refuse_and_cancelled_requests_leave()
    {
        var queue = new DispatchQueue(0, [0], [Profile], new EarlyDropRule(4), 2);
        var dispatcher = new Dispatcher([queue], 2, 1, new EarliestDeadlineOrder(), _sink);
        dispatcher.Occupy(0);
        Assert.False(dispatcher.Enqueue(1, Request(1, 0, 50), Ms(0)));
        Assert.True(dispatcher.Enqueue(0, Request(2, 0, 50), Ms(0)));
        Assert.True(dispatcher.Enqueue(0, Request(3, 0, 50), Ms(0)));
        Assert.False(dispatcher.Enqueue(0, Request(4, 0, 50), Ms(0)));
        Assert.True(dispatcher.Cancel(0, 2));
        Assert.False(dispatcher.Cancel(0, 2));

        dispatcher.Free(0, Ms(1));
        Assert.Equal([(0, "3")], _sink.Started);
    }

    [Fact]
    public void The_router_keeps_every_prefix_near_the_weights()
    {
        var router = new DeficitRouter([5, 3, 2]);
        var counts = new int[3];
        for (var i = 1; i <= 1000; i++)
        {
            counts[router.Next()]++;
            Assert.InRange(counts[0] - (0.5 * i), -1.01, 1.01);
            Assert.InRange(counts[2] - (0.2 * i), -1.01, 1.01);
        }
    }

    private sealed class RecordingSink : IDispatchSink
    {
        public List<(int Device, string Ids)> Started { get; } = [];

        public void Start(int device, DispatchQueue queue, IReadOnlyList<QueuedRequest> batch) =>
            Started.Add((device, string.Join(' ', batch.Select(request => request.Id))));

        public void Drop(int session, in QueuedRequest request)
        {
        }
    }
}
