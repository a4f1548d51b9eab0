using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// Admits requests of one model and class to its instances: a free slot at once, else a bounded wait in order of
/// priority (smaller first) and arrival. A wait ends late at its deadline and is given up when cancelled. Thread-safe.
/// </summary>
internal sealed class AdmissionQueue(int slots, int capacity, TimeProvider clock, WorkClass workClass)
{
    private readonly Lock _lock = new();
    private readonly SortedSet<Waiter> _waiting = new(new ByPriority());
    private int _used;
    private long _sequence;

    public int Capacity => capacity;

    public int Depth
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _used;
            }
        }
    }

    /// <summary>
    /// Completed when a slot is the caller's, who then must call <see cref="Leave"/>; else QueueFull, Late or
    /// Cancelled.
    /// </summary>
    public ValueTask<InferenceStatus> EnterAsync(int priority, long deadline, CancellationToken cancellation)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (IsLate(deadline))
            {
                return new(InferenceStatus.Late);
            }

            if (_used < slots)
            {
                _used++;
                return new(InferenceStatus.Completed);
            }

            if (_waiting.Count >= capacity)
            {
                return new(InferenceStatus.QueueFull);
            }

            waiter = new Waiter(priority, _sequence++, deadline) { Threads = CompletionThreads.Of(workClass) };
            _waiting.Add(waiter);
        }

        return new(WaitAsync(waiter, cancellation));
    }

    /// <summary>Gives a slot back, and on to the first waiter that is still in time.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            while (_waiting.Min is { } first)
            {
                _waiting.Remove(first);
                if (IsLate(first.Deadline))
                {
                    first.End(InferenceStatus.Late);
                    continue;
                }

                first.End(InferenceStatus.Completed);
                return;
            }

            _used--;
        }
    }

    private async Task<InferenceStatus> WaitAsync(Waiter waiter, CancellationToken cancellation)
    {
        await using var registration = cancellation.UnsafeRegister(_ => GiveUp(waiter), null);
        return await waiter.Answer;
    }

    private void GiveUp(Waiter waiter)
    {
        lock (_lock)
        {
            if (_waiting.Remove(waiter))
            {
                waiter.End(IsLate(waiter.Deadline) ? InferenceStatus.Late : InferenceStatus.Cancelled);
            }
        }
    }

    private bool IsLate(long deadline) => deadline != 0 && clock.GetTimestamp() >= deadline;

    private sealed class Waiter(int priority, long sequence, long deadline) : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource<InferenceStatus> _answer = new();
        private InferenceStatus _status;

        public int Priority { get; } = priority;

        public long Sequence { get; } = sequence;

        public long Deadline { get; } = deadline;

        public required CompletionThreads Threads { get; init; }

        public Task<InferenceStatus> Answer => _answer.Task;

        /// <summary>Called once, under the queue's lock: what follows runs elsewhere.</summary>
        public void End(InferenceStatus status)
        {
            _status = status;
            Threads.Post(this);
        }

        void IThreadPoolWorkItem.Execute() => _answer.SetResult(_status);
    }

    private sealed class ByPriority : IComparer<Waiter>
    {
        public int Compare(Waiter? x, Waiter? y) => x!.Priority != y!.Priority
            ? x.Priority.CompareTo(y.Priority)
            : x.Sequence.CompareTo(y.Sequence);
    }
}
