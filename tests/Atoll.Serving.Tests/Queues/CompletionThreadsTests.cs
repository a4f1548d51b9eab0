using Atoll.Devices;

namespace Atoll.Serving.Tests;

public sealed class CompletionThreadsTests
{
    private static readonly TimeSpan Guard = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(WorkClass.RealTime)]
    [InlineData(WorkClass.BestEffort)]
    public async Task Each_posted_item_runs_once_whoever_posts_and_sleeps_meanwhile(WorkClass workClass)
    {
        const int Posters = 4;
        const int Each = 5_000;
        var threads = CompletionThreads.Of(workClass);
        var items = Enumerable.Range(0, Posters * Each).Select(_ => new CountedItem()).ToArray();

        await Task.WhenAll(Enumerable.Range(0, Posters).Select(poster => Task.Run(() =>
        {
            // Pauses of every length around that of a spin, so that threads are met awake, falling asleep and asleep.
            var random = new Random(poster);
            for (var i = 0; i < Each; i++)
            {
                threads.Post(items[(poster * Each) + i]);
                Thread.SpinWait(random.Next(400));
            }
        })));
        await Task.WhenAll(items.Select(item => item.Ran)).WaitAsync(Guard, TestContext.Current.CancellationToken);

        Assert.All(items, item => Assert.Equal(1, item.Runs));
    }

    [Fact]
    public async Task One_after_another_each_item_wakes_a_thread()
    {
        var threads = CompletionThreads.Of(WorkClass.BestEffort);
        for (var i = 0; i < 2_000; i++)
        {
            var item = new CountedItem();
            threads.Post(item);
            await item.Ran.WaitAsync(Guard, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Item_that_takes_long_keeps_no_other_waiting()
    {
        var threads = CompletionThreads.Of(WorkClass.RealTime);
        var stop = TestContext.Current.CancellationToken;
        using var release = new ManualResetEventSlim();
        var slow = new CountedItem(() => release.Wait(Guard, stop));
        threads.Post(slow);
        var quick = Enumerable.Range(0, 100).Select(_ => new CountedItem()).ToArray();
        Array.ForEach(quick, threads.Post);

        await Task.WhenAll(quick.Select(item => item.Ran)).WaitAsync(Guard, TestContext.Current.CancellationToken);
        release.Set();
        await slow.Ran.WaitAsync(Guard, TestContext.Current.CancellationToken);
    }

    private sealed class CountedItem(Action? work = null) : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource _ran = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _runs;

        public int Runs => Volatile.Read(ref _runs);

        public Task Ran => _ran.Task;

        public void Execute()
        {
            work?.Invoke();
            Interlocked.Increment(ref _runs);
            _ran.TrySetResult();
        }
    }
}
