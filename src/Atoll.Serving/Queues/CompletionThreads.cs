using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// Threads that go on with work whose device or place in a queue has just become free. On the thread pool such work
/// would wait behind every request that has only arrived: under more load than the server can carry the device would
/// idle while refusals are written. One set for each class, so that real-time work waits for no best-effort answer.
/// Thread-safe; lives as long as the process.
/// </summary>
/// <remarks>What runs here must not block for long.</remarks>
internal sealed class CompletionThreads
{
    private const int Spins = 16;
    private const int SpinLength = 10;

    private static readonly CompletionThreads[] Sets = [.. Enum.GetValues<WorkClass>().Select(Make)];

    // Bounded by what was admitted: each request and each batch has one item here at most. Also what threads wait on.
    private readonly Queue<IThreadPoolWorkItem> _items = new();

    private int _count;
    private int _spinning;

    private CompletionThreads(string name, int count)
    {
        for (var i = 0; i < count; i++)
        {
            new Thread(Run) { Name = $"{name} {i}", IsBackground = true }.Start();
        }
    }

    public static CompletionThreads Of(WorkClass workClass) => Sets[(int)workClass];

    /// <summary>Executes the item soon, in order of posting; it allocates nothing once warm.</summary>
    public void Post(IThreadPoolWorkItem item)
    {
        lock (_items)
        {
            _items.Enqueue(item);
            _count++;

            // Who spins takes one; it looks once more under the lock before it sleeps.
            if (_count > 1 || Volatile.Read(ref _spinning) == 0)
            {
                Monitor.Pulse(_items);
            }
        }
    }

    private static CompletionThreads Make(WorkClass workClass) =>
        new($"atoll {MetricsPage.NameOf(workClass)}", int.Max(2, Environment.ProcessorCount));

    private void Run()
    {
        while (true)
        {
            Spin();
            IThreadPoolWorkItem? item;
            lock (_items)
            {
                while (!_items.TryDequeue(out item))
                {
                    Monitor.Wait(_items);
                }

                _count--;
            }

            item.Execute();
        }
    }

    /// <summary>One thread stays awake for a few microseconds, as waking up takes longer than a small model.</summary>
    private void Spin()
    {
        if (Interlocked.CompareExchange(ref _spinning, 1, 0) != 0)
        {
            return;
        }

        for (var i = 0; i < Spins && Volatile.Read(ref _count) == 0; i++)
        {
            Thread.SpinWait(SpinLength);
        }

        Volatile.Write(ref _spinning, 0);
    }
}
