namespace Atoll.Devices.Tests;

/// <summary>
/// Each policy against a sort by the order that its documentation states, and the guarantees that follow.
/// </summary>
public class PolicyTests
{
    private const long Second = 1_000_000_000;
    private static readonly TimeProvider Clock = new NanosecondClock();
    private static readonly double[] Weights = [1, 2, 5];

    public static TheoryData<string> Names => ["priority", "edf", "fair", "multi-stream", "sequential"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Selection_is_the_first_of_a_sort_by_the_stated_order(string name)
    {
        var policy = Create(name);
        Assert.Equal(name, policy.Name);
        for (var seed = 1; seed <= 2000; seed++)
        {
            var random = new Random(seed);
            var ready = RandomViews(random, random.Next(1, 12));
            var now = random.NextInt64(3 * Second);
            var expected = Enumerable.Range(0, ready.Length).OrderBy(i => Key(name, ready[i], now))
                .ThenBy(i => i).First();
            Assert.True(expected == policy.Select(ready, now), $"{name}, seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_ready_stream_leaves_the_unit_idle(string name) => Assert.Equal(-1, Create(name).Select([], 0));

    [Theory]
    [MemberData(nameof(Names))]
    public void Selection_allocates_nothing(string name)
    {
        var policy = Create(name);
        var ready = RandomViews(new Random(1), 10);
        var sum = policy.Select(ready, 5);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            sum += policy.Select(ready, i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(sum >= 0);
    }

    [Fact]
    public void A_best_effort_stream_waits_no_longer_than_the_aging_limit_under_a_saturating_real_time_stream()
    {
        var policy = new PriorityPolicy(Clock, TimeSpan.FromMilliseconds(10));
        StreamView[] ready =
        [
            new() { Class = WorkClass.RealTime },
            new() { Class = WorkClass.BestEffort, Priority = 1 },
            new() { Class = WorkClass.BestEffort, Priority = 9 },
        ];
        var turns = new int[3];
        for (long now = 0; now < Second; now += 100_000)
        {
            var selected = policy.Select(ready, now);
            turns[selected]++;
            ready[selected].WaitingSince = now + 100_000;
            Assert.All(ready[1..], view => Assert.True(now - view.WaitingSince <= 10_200_000));
        }

        Assert.InRange(turns[1], 98, 100);
        Assert.InRange(turns[2], 98, 100);
        Assert.Equal(10_000 - turns[1] - turns[2], turns[0]);
    }

    [Fact]
    public void Without_aging_real_time_work_always_goes_first()
    {
        var policy = new PriorityPolicy(Clock, Timeout.InfiniteTimeSpan);
        StreamView[] ready = [new() { Class = WorkClass.BestEffort }, new() { Class = WorkClass.RealTime }];
        Assert.Equal(1, policy.Select(ready, long.MaxValue - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PriorityPolicy(Clock, TimeSpan.FromSeconds(-2)));
    }

    [Fact]
    public void Fair_shares_follow_the_weights()
    {
        var policy = new FairPolicy();
        StreamView[] ready = [.. Enumerable.Range(0, 3).Select(i => new StreamView { Weight = Weights[i] })];
        var served = new double[3];
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var selected = policy.Select(ready, 0);
            var cost = random.Next(5, 50);
            served[selected] += cost;
            ready[selected].VirtualTime += cost / ready[selected].Weight;
        }

        Assert.All([0, 1, 2], i => Assert.InRange(served[i] / served.Sum(), ready[i].Weight / 8 - 0.002,
            ready[i].Weight / 8 + 0.002));
    }

    [Fact]
    public void What_edf_admits_meets_its_deadlines()
    {
        for (var seed = 1; seed <= 300; seed++)
        {
            var random = new Random(seed);
            var policy = new EarliestDeadlinePolicy();
            var admitted = new List<StreamView>();
            for (var i = 0; i < 20; i++)
            {
                var view = new StreamView { Deadline = random.Next(1, 1000), RemainingTicks = random.Next(1, 200),
                    Sequence = i };
                if (policy.Admits(view.Deadline, view.RemainingTicks, Ahead(admitted, view), 1, 0) &&
                    admitted.All(later => StillFits(admitted, later, view)))
                {
                    admitted.Add(view);
                }
            }

            Assert.True(MissedDeadlines(policy, admitted) == 0, $"seed {seed}");
        }
    }

    [Fact]
    public void Edf_refuses_what_cannot_fit_and_counts_all_units()
    {
        var policy = new EarliestDeadlinePolicy();
        StreamView[] ready =
        [
            new() { Deadline = 150, RemainingTicks = 60 },
            new() { Deadline = 500, RemainingTicks = 10_000 },
            new() { RemainingTicks = 10_000 },
        ];
        Assert.True(policy.Admits(200, 40, ready, 1, 100));
        Assert.False(policy.Admits(200, 41, ready, 1, 100));
        Assert.True(policy.Admits(200, 140, ready, 2, 100));
        Assert.False(policy.Admits(100, 0, ready, 2, 100));
        Assert.True(policy.Admits(0, long.MaxValue, ready, 1, 100));
        Assert.False(policy.Admits(long.MaxValue - 1, long.MaxValue, ready, 1, 100));
    }

    private static StreamView[] Ahead(List<StreamView> admitted, StreamView view) =>
        [.. admitted.Where(a => a.Deadline <= view.Deadline)];

    // A newcomer with an earlier deadline delays later ones: the caller asks again for those it would push back.
    private static bool StillFits(List<StreamView> admitted, StreamView later, StreamView newcomer) =>
        later.Deadline < newcomer.Deadline || newcomer.RemainingTicks +
            admitted.Where(a => a.Deadline <= later.Deadline).Sum(a => a.RemainingTicks) <= later.Deadline;

    private static int MissedDeadlines(EarliestDeadlinePolicy policy, List<StreamView> admitted)
    {
        var (left, now, missed) = (admitted.ToList(), 0L, 0);
        while (left.Count > 0)
        {
            var selected = policy.Select(left.ToArray(), now);
            now += left[selected].RemainingTicks;
            missed += now > left[selected].Deadline ? 1 : 0;
            left.RemoveAt(selected);
        }

        return missed;
    }

    private static IPolicy Create(string name) => name switch
    {
        "priority" => new PriorityPolicy(Clock),
        "edf" => new EarliestDeadlinePolicy(),
        "fair" => new FairPolicy(),
        "multi-stream" => new MultiStreamPolicy(),
        _ => new SequentialPolicy(),
    };

    private static (double, double, double, double, double) Key(string name, StreamView view, long now)
    {
        var aged = view.Class == WorkClass.BestEffort && now - view.WaitingSince >= Second;
        return name switch
        {
            "priority" when aged => (0, view.WaitingSince, view.Priority, view.VirtualTime, view.Sequence),
            "priority" => (1, (int)view.Class, view.Priority, view.VirtualTime, view.Sequence),
            "edf" => (0, (int)view.Class, view.Deadline == 0 ? double.MaxValue : view.Deadline, view.VirtualTime,
                view.Sequence),
            "fair" => (0, (int)view.Class, view.VirtualTime, view.Sequence, 0),
            "multi-stream" => (0, 0, view.VirtualTime, view.Sequence, 0),
            _ => (view.InProgress ? 0 : 1, view.Sequence, 0, 0, 0),
        };
    }

    private static StreamView[] RandomViews(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new StreamView
    {
        Class = (WorkClass)random.Next(2),
        Priority = random.Next(-1, 3),
        Weight = random.Next(1, 4),
        VirtualTime = random.Next(4),
        WaitingSince = random.Next(3) * Second,
        Deadline = random.Next(3) * 100,
        Sequence = random.Next(20),
        InProgress = random.Next(3) == 0,
        RemainingTicks = random.Next(1000),
    })];

    private sealed class NanosecondClock : TimeProvider
    {
        public override long TimestampFrequency => Second;
    }
}
