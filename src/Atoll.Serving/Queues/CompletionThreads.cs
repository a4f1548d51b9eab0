using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// Threads that go on with work whose device or place in a queue has just become free. On the thread pool such work
/// would wait behind every request that has only arrived: under more load than the server can carry the device would
/// idle while refusals are written. One set for each class, so that real-time work waits for no best-effort answer.
/// Thread-safe; lives as long as the process.
/// </summary>
/// <remarks>
/// What runs here must not block for long. Compute units post here, which rank behind every other thread: a thread that
/// one has just woken displaces it, and would then wait for the lock that the unit still holds. So there is no lock.
/// </remarks>
internal sealed class CompletionThreads
{
    private const int Spins = 16;
    private const int SpinLength = 10;

    private static readonly CompletionThreads[] Sets = [.. Enum.GetValues<WorkClass>().Select(Make)];

    [ThreadStatic]
    private static bool t_isOne;

    // Bounded by what was admitted: each request and each batch has one item here at most.
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _items = new();
    private readonly ThreadParking[] _parkings;

    private int _count;
    private int _spinning;

    private CompletionThreads(string name, int count)
    {
        _parkings = [.. Enumerable.Range(0, count).Select(_ => new ThreadParking())];
        for (var i = 0; i < count; i++)
        {
            var parking = _parkings[i];

            // The context of whoever happens to come first is not that of all who follow.
            new Thread(() => Run(parking)) { Name = $"{name} {i}", IsBackground = true }.UnsafeStart();
        }
    }

    /// <summary>The calling thread is one of these: what has only arrived has no place on it.</summary>
    public static bool IsCurrent => t_isOne;

    public static CompletionThreads Of(WorkClass workClass) => Sets[(int)workClass];

    /// <summary>What follows may take long: it goes on in the thread pool where it would run on one of these.</summary>
    public static async ValueTask LeaveAsync()
    {
        if (IsCurrent)
        {
            await Task.Yield();
        }
    }

    /// <summary>Executes the item soon, in order of posting; it allocates nothing once warm.</summary>
    public void Post(IThreadPoolWorkItem item)
    {
        // Counted first, so that the count is never less than what is there.
        var count = Interlocked.Increment(ref _count);
        _items.Enqueue(item);
        Interlocked.MemoryBarrier();

        // Who spins takes one; it looks once more, after a fence, before it sleeps.
        if (count > 1 || Volatile.Read(ref _spinning) == 0)
        {
            WakeOne();
        }
    }

    private static CompletionThreads Make(WorkClass workClass) =>
        new($"atoll {MetricsPage.NameOf(workClass)}", int.Max(2, Environment.ProcessorCount));

    private void Run(ThreadParking parking)
    {
        t_isOne = true;
        while (true)
        {
            if (!TryTake(out var item))
            {
                Spin();
                parking.Announce();
                if (!TryTake(out item))
                {
                    parking.Sleep();
                    continue;
                }

                parking.Withdraw();
            }

            // A post may have called this thread, which is busy now, for another item: it counted that before.
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _count) > 0)
            {
                WakeOne();
            }

            item.Execute();
        }
    }

    private bool TryTake([NotNullWhen(true)] out IThreadPoolWorkItem? item)
    {
        if (!_items.TryDequeue(out item))
        {
            return false;
        }

        Interlocked.Decrement(ref _count);
        return true;
    }

    private void WakeOne()
    {
        foreach (var parking in _parkings)
        {
            if (parking.TryWake())
            {
                return;
            }
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
