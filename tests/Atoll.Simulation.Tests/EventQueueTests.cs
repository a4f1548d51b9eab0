namespace Atoll.Simulation.Tests;

public class EventQueueTests
{
    [Fact]
    public void Events_run_in_order_of_time_then_phase_then_scheduling()
    {
        var queue = new EventQueue();
        var ran = new List<string>();
        queue.Schedule(20, () => ran.Add("c"));
        queue.Schedule(10, () => ran.Add("late"), phase: 1);
        queue.Schedule(10, () => ran.Add("a"));
        queue.Schedule(10, () => ran.Add("b"));
        queue.RunUntilIdle();
        Assert.Equal(["a", "b", "late", "c"], ran);
        Assert.Equal(20, queue.Now);
        Assert.Equal(4, queue.Ran);
    }

    [Fact]
    public void Random_schedules_equal_a_stable_sort()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var queue = new EventQueue();
            var ran = new List<int>();
            var times = Enumerable.Range(0, 50).Select(_ => random.Next(10)).ToArray();
            for (var i = 0; i < times.Length; i++)
            {
                var index = i;
                queue.Schedule(times[i], () => ran.Add(index));
            }

            queue.RunUntilIdle();
            Assert.True(Enumerable.Range(0, 50).OrderBy(i => times[i]).SequenceEqual(ran), $"seed {seed}");
        }
    }

    [Fact]
    public void A_shuffle_seed_gives_another_order_that_replays()
    {
        Assert.Equal(OrderOf(5), OrderOf(5));
        Assert.NotEqual(OrderOf(5), OrderOf(6));
        Assert.Equal(Enumerable.Range(0, 20), OrderOf(5).Order());
    }

    [Fact]
    public void A_cancelled_event_never_runs_and_does_not_move_the_clock()
    {
        var queue = new EventQueue();
        var cancelled = queue.Schedule(50, () => Assert.Fail("ran"));
        var kept = queue.Schedule(10, cancelled.Cancel);
        queue.RunUntilIdle();
        Assert.False(kept.IsPending || cancelled.IsPending);
        Assert.Equal(10, queue.Now);
    }

    [Fact]
    public void The_past_is_now_and_running_for_a_span_stops_at_its_end()
    {
        var queue = new EventQueue();
        var ran = new List<long>();
        queue.RunFor(TimeSpan.FromMicroseconds(5));
        queue.Schedule(1, () => ran.Add(queue.Now));
        queue.After(TimeSpan.FromMicroseconds(3), () => ran.Add(queue.Now));
        queue.RunFor(TimeSpan.FromMicroseconds(2));
        Assert.Equal([5000], ran);
        Assert.Equal(7000, queue.Now);
        queue.RunUntilIdle();
        Assert.Equal([5000, 8000], ran);
    }

    [Fact]
    public void A_simulation_that_does_not_come_to_rest_is_reported()
    {
        var queue = new EventQueue();
        void Again() => queue.After(TimeSpan.FromMicroseconds(1), Again);
        Again();
        Assert.Throws<InvalidOperationException>(() => queue.RunUntilIdle(eventsMax: 1000));
    }

    [Fact]
    public void Timers_and_delays_fire_in_virtual_time()
    {
        var queue = new EventQueue();
        var fired = new List<double>();
        using var timer = queue.Clock.CreateTimer(_ => fired.Add(queue.Now / 1e6), null,
            TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(10));
        var delay = Task.Delay(TimeSpan.FromHours(1), queue.Clock, TestContext.Current.CancellationToken);
        queue.RunFor(TimeSpan.FromMilliseconds(30));
        Assert.Equal([5, 15, 25], fired);
        timer.Dispose();
        Assert.False(delay.IsCompleted);
        queue.RunUntilIdle();
        Assert.True(delay.IsCompleted);
        Assert.Equal(3, fired.Count);
        Assert.Equal(TimeSpan.FromHours(1), queue.Clock.GetElapsedTime(0));
        Assert.Equal(1, queue.Clock.GetUtcNow().Hour);
    }

    private static List<int> OrderOf(int seed)
    {
        var queue = new EventQueue(seed);
        var ran = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            var index = i;
            queue.Schedule(1, () => ran.Add(index));
        }

        queue.RunUntilIdle();
        return ran;
    }
}
