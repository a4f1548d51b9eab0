using Atoll.Devices;

namespace Atoll.Serving.Tests;

public sealed class AdmissionQueueTests : IDisposable
{
    private readonly ManualClock _clock = new();

    public void Dispose() => _clock.Dispose();

    private AdmissionQueue Queue(int slots, int capacity) => new(slots, capacity, _clock, WorkClass.BestEffort);

    private static Task<InferenceStatus> Enter(AdmissionQueue queue, int priority, long deadline) =>
        queue.EnterAsync(priority, deadline, TestContext.Current.CancellationToken).AsTask();

    [Fact]
    public async Task Free_slots_are_taken_at_once_and_waiters_come_by_priority_then_arrival()
    {
        var queue = Queue(slots: 2, capacity: 8);
        Assert.True(Enter(queue, 5, 0).IsCompletedSuccessfully);
        Assert.True(Enter(queue, 5, 0).IsCompletedSuccessfully);
        int[] priorities = [9, 3, 5, 3];
        var waiting = priorities.Select(priority => Enter(queue, priority, 0)).ToArray();

        foreach (var next in new[] { 1, 3, 2, 0 })
        {
            Assert.False(waiting[next].IsCompleted);
            queue.Leave();
            Assert.Equal(InferenceStatus.Completed, await waiting[next]);
        }

        Assert.Equal((0, 2), (queue.Depth, queue.InFlight));
    }

    [Fact]
    public async Task Beyond_its_capacity_it_is_full()
    {
        var queue = Queue(slots: 1, capacity: 1);
        await Enter(queue, 1, 0);
        var waiting = Enter(queue, 1, 0);

        Assert.Equal(InferenceStatus.QueueFull, await Enter(queue, 1, 0));
        Assert.False(waiting.IsCompleted);
    }

    [Fact]
    public async Task Late_waiter_is_passed_over()
    {
        var queue = Queue(slots: 1, capacity: 8);
        await Enter(queue, 1, 0);
        var late = Enter(queue, 1, 100);
        var inTime = Enter(queue, 2, 1000);
        _clock.Advance(100);

        queue.Leave();

        Assert.Equal(InferenceStatus.Late, await late);
        Assert.Equal(InferenceStatus.Completed, await inTime);
        Assert.Equal(InferenceStatus.Late, await Enter(queue, 1, 50));
    }

    [Fact]
    public async Task Cancelled_waiter_makes_room()
    {
        var queue = Queue(slots: 1, capacity: 1);
        await Enter(queue, 1, 0);
        using var leaving = new CancellationTokenSource();
        var gone = queue.EnterAsync(1, 0, leaving.Token).AsTask();

        await leaving.CancelAsync();
        Assert.Equal(InferenceStatus.Cancelled, await gone);
        var next = Enter(queue, 1, 0);
        queue.Leave();

        Assert.Equal(InferenceStatus.Completed, await next);
    }

    /// <summary>A list that is sorted anew at each step says what the queue must do.</summary>
    [Fact]
    public async Task Random_use_agrees_with_a_sorted_list()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        var queue = Queue(slots: 3, capacity: 5);
        var used = 0;
        var model = new List<(int Priority, int Order, Task<InferenceStatus> Answer)>();
        for (var step = 0; step < 5000; step++)
        {
            if (random.Next(2) == 0)
            {
                var priority = random.Next(1, 5);
                var answer = Enter(queue, priority, 0);
                var expected = used < 3 ? InferenceStatus.Completed
                    : model.Count >= 5 ? InferenceStatus.QueueFull : (InferenceStatus?)null;
                var agrees = expected is null ? !answer.IsCompleted : await answer == expected;
                Assert.True(agrees, $"seed {seed}, step {step}");
                used += expected == InferenceStatus.Completed ? 1 : 0;
                model.AddRange(expected is null ? [(priority, step, answer)] : []);
            }
            else if (used > 0)
            {
                queue.Leave();
                var first = model.OrderBy(w => w.Priority).ThenBy(w => w.Order).FirstOrDefault();
                used -= first.Answer is null ? 1 : 0;
                var agrees = first.Answer is null || await first.Answer == InferenceStatus.Completed;
                Assert.True(agrees, $"seed {seed}, step {step}");
                model.Remove(first);
            }

            Assert.True(queue.Depth == model.Count && queue.InFlight == used, $"seed {seed}, step {step}");
        }
    }
}
