namespace Atoll.Serving.Tests;

public sealed class SessionQueueTests
{
    private static QueuedRequest Request(long id, double deadlineMs) =>
        new(id, TimeSpan.Zero, TimeSpan.FromMilliseconds(deadlineMs));

    [Fact]
    public void The_earliest_deadline_comes_first_and_equal_ones_in_order_of_entry()
    {
        var queue = new SessionQueue(8);
        double[] deadlines = [5, 3, 5, 1, 3];
        for (var i = 0; i < deadlines.Length; i++)
        {
            Assert.True(queue.TryEnqueue(Request(i, deadlines[i])));
        }

        var order = new List<long>();
        while (queue.TryDequeue(out var request))
        {
            order.Add(request.Id);
        }

        Assert.Equal([3, 1, 4, 0, 2], order);
    }

    [Fact]
    public void A_full_queue_refuses()
    {
        var queue = new SessionQueue(2);
        Assert.True(queue.TryEnqueue(Request(1, 1)));
        Assert.True(queue.TryEnqueue(Request(2, 2)));
        Assert.False(queue.TryEnqueue(Request(3, 0)));
        Assert.Equal(2, queue.Count);
    }

    [Fact]
    public void Random_entries_removals_and_takes_agree_with_a_sorted_list()
    {
        const int seed = 20;
        var random = new Random(seed);
        var queue = new SessionQueue(64);
        var model = new List<(QueuedRequest Request, long Order)>();
        for (var step = 0; step < 20_000; step++)
        {
            var kind = random.Next(5);
            if (kind < 3)
            {
                var request = Request(step, random.Next(50));
                Assert.Equal(model.Count < 64, queue.TryEnqueue(request));
                if (model.Count < 64)
                {
                    model.Add((request, step));
                }
            }
            else if (kind == 3)
            {
                var id = model.Count > 0 ? model[random.Next(model.Count)].Request.Id : -1;
                Assert.Equal(model.RemoveAll(entry => entry.Request.Id == id) > 0, queue.Remove(id));
            }
            else
            {
                Assert.Equal(model.Count > 0, queue.TryDequeue(out var taken));
                if (model.Count > 0)
                {
                    var first = model.OrderBy(entry => entry.Request.Deadline).ThenBy(entry => entry.Order).First();
                    Assert.True(first.Request == taken, $"seed {seed}, step {step}: {first.Request} but {taken}");
                    model.Remove(first);
                }
            }

            Assert.Equal(model.Count, queue.Count);
            var until = TimeSpan.FromMilliseconds(random.Next(50));
            Assert.Equal(model.Count(entry => entry.Request.Deadline <= until), queue.RowsUntil(until));
            Assert.All(model, entry => Assert.True(entry.Request.Deadline <= queue.LatestDeadline));
        }
    }
}
