namespace Atoll.Serving.Tests;

/// <summary>Each rule on hand-computed queues; latency is batch + 10 ms.</summary>
public sealed class BatchRuleTests
{
    private static readonly BatchProfile Profile = BatchProfile.Linear("m", "gpu", 1, 10, 32);
    private readonly BatchTake _take = new();

    private static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static SessionQueue Queue(params double[] deadlines)
    {
        var queue = new SessionQueue(1000);
        for (var i = 0; i < deadlines.Length; i++)
        {
            queue.TryEnqueue(new(i, Ms(deadlines[i] - 100), Ms(deadlines[i])));
        }

        return queue;
    }

    private long[] Take(IBatchRule rule, SessionQueue queue, double now = 0)
    {
        rule.Take(queue, Ms(now), Profile, _take);
        return [.. _take.Batch.Select(request => request.Id)];
    }

    private long[] Dropped => [.. _take.Dropped.Select(request => request.Id)];

    [Fact]
    public void Early_drop_gives_up_the_head_that_would_shrink_the_window()
    {
        // Window of 4 ends at 14: the head at 13 goes, the next four are taken.
        var queue = Queue(13, 14, 15, 16, 17, 18);
        Assert.Equal([1, 2, 3, 4], Take(new EarlyDropRule(4), queue));
        Assert.Equal([0], Dropped);
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public void Early_drop_shrinks_its_window_when_too_few_are_left()
    {
        // 4 end at 14: 12 goes; 3 are left and end at 13: those at 13.5 fit.
        Assert.Equal([1, 2, 3], Take(new EarlyDropRule(4), Queue(12, 13.5, 13.5, 20)));
        Assert.Equal([0], Dropped);
        Assert.Empty(Take(new EarlyDropRule(4), Queue(1, 2, 3)));
        Assert.Equal([0, 1, 2], Dropped);
    }

    [Fact]
    public void Windows_and_batches_count_rows()
    {
        // 8 rows end at 18: two requests of 3 fit, the third would be 9.
        Assert.Equal([0, 1], Take(new EarlyDropRule(8), Rows(3, 18, 19, 20)));
        Assert.Empty(Dropped);

        // 6 rows are there and end at 16: 15 goes; 3 rows are left and end at 13.
        Assert.Equal([1], Take(new EarlyDropRule(8), Rows(3, 15, 15)));
        Assert.Equal([0], Dropped);
        Assert.Equal([0, 1], Take(new LazyDropRule(8), Rows(3, 16, 17, 18)));
        Assert.Equal([0, 1, 2], Take(new GrowingWindowRule(3, 6), Rows(2, 16.5, 17, 18, 19)));
    }

    [Fact]
    public void A_request_that_is_larger_than_the_window_or_the_profile_runs_alone_in_its_own_time()
    {
        // 5 rows end at 15, 40 in parts of 32 and 8 at 42 + 18.
        Assert.Equal([0], Take(new EarlyDropRule(4), Rows(5, 15, 20)));
        Assert.Equal([1], Take(new EarlyDropRule(4), Rows(5, 14.9, 20)));
        Assert.Equal([0], Take(new EarlyDropRule(4), Rows(40, 60, 90)));
        Assert.Equal([1], Take(new GrowingWindowRule(4, 8), Rows(40, 59.9, 60)));
        Assert.Equal([1], Take(new LazyDropRule(4), Rows(40, 59.9, 60)));
    }

    private static SessionQueue Rows(int rows, params double[] deadlines)
    {
        var queue = new SessionQueue(1000);
        foreach (var (i, deadline) in deadlines.Index())
        {
            queue.TryEnqueue(new(i, Ms(0), Ms(deadline), rows));
        }

        return queue;
    }

    [Fact]
    public void A_growing_window_takes_all_that_its_first_request_leaves_time_for()
    {
        // A window of 3 ends at 13: 12.5 goes; 15 leaves time for 5. With 9 in the queue the window is 6 and 15 goes
        // too.
        Assert.Equal([1, 2, 3, 4, 5], Take(new GrowingWindowRule(3, 6), Queue(12.5, 15, 16, 17, 18, 19, 20)));
        Assert.Equal([0], Dropped);
        Assert.Equal([2, 3, 4, 5, 6, 7], Take(
            new GrowingWindowRule(3, 6), Queue(12.5, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)));
        Assert.Equal([0, 1], Dropped);
    }

    [Fact]
    public void Lazy_drop_lets_the_head_fix_the_batch()
    {
        var queue = Queue(10, 13, 50, 50, 50, 50);
        Assert.Equal([1, 2, 3], Take(new LazyDropRule(25), queue));
        Assert.Equal([0], Dropped);
    }

    [Fact]
    public void Aimd_grows_by_a_step_and_shrinks_by_a_tenth()
    {
        var rule = new AimdRule(Ms(30));
        for (var batch = 1; batch <= 20; batch++)
        {
            Assert.Equal(batch, rule.Limit);
            rule.Observe(batch, Profile.Latency(batch));
        }

        Assert.Equal(21, rule.Limit);
        rule.Observe(21, Profile.Latency(21));
        Assert.Equal(18, rule.Limit);
        rule.Observe(3, Profile.Latency(3));
        Assert.Equal(18, rule.Limit);
        Assert.Equal([1], Take(new AimdRule(Ms(30)), Queue(5, 6, 20), now: 6));
        Assert.Equal([0], Dropped);
    }

    [Fact]
    public void The_dynamic_batcher_waits_for_a_preferred_size_or_its_delay()
    {
        var rule = new DynamicBatcherRule(8, [4, 8], Ms(5));
        Assert.Empty(Take(rule, Queue(100, 101, 102), now: 4));
        Assert.Equal(Ms(5), _take.WakeAt);
        Assert.Equal([0, 1, 2], Take(rule, Queue(100, 101, 102), now: 5));
        Assert.Equal([0, 1, 2, 3], Take(rule, Queue(100, 101, 102, 103, 104), now: 4));
        Assert.Equal(8, Take(rule, Queue([.. Enumerable.Repeat(100.0, 9)]), now: 0).Length);
    }

    [Fact]
    public void Deferral_waits_until_one_more_would_not_fit()
    {
        var queue = Queue(100, 101, 102);
        Assert.Empty(Take(new DeferredRule(8), queue));
        Assert.Equal(Ms(100 - 14), _take.WakeAt);
        Assert.Empty(Take(new DeferredRule(8, Ms(2)), queue, now: 83));
        Assert.Equal([0, 1, 2], Take(new DeferredRule(8), queue, now: 86));
        Assert.Equal(8, Take(new DeferredRule(8), Queue([.. Enumerable.Repeat(100.0, 9)])).Length);
    }

    [Fact]
    public void No_rule_loses_or_doubles_a_request()
    {
        const int seed = 31;
        var random = new Random(seed);
        IBatchRule[] rules =
        [
            new EarlyDropRule(6), new LazyDropRule(9), new AimdRule(Ms(20)), new DeferredRule(5),
            new DynamicBatcherRule(8, [2, 8], Ms(3)), new GrowingWindowRule(4, 7),
        ];
        foreach (var rule in rules)
        {
            var queue = new SessionQueue(100);
            var seen = new HashSet<long>();
            long entered = 0;
            for (var now = 0; now < 3000; now += random.Next(1, 8))
            {
                for (var i = random.Next(6); i > 0 && queue.Count < 100; i--)
                {
                    queue.TryEnqueue(new(entered++, Ms(now), Ms(now + random.Next(60))));
                }

                Take(rule, queue, now);
                Assert.All(_take.Batch.Concat(_take.Dropped), request => Assert.True(seen.Add(request.Id)));
                rule.Observe(_take.Batch.Count, Profile.Latency(Math.Max(1, _take.Batch.Count)));
            }

            Assert.True(entered == seen.Count + queue.Count, $"{rule.GetType().Name}, seed {seed}");
        }
    }
}
