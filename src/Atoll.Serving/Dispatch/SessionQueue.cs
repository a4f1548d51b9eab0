namespace Atoll.Serving;

/// <summary>
/// The waiting requests of one session, earliest deadline first, equal deadlines in order of entry. Bounded: a full
/// queue refuses. A binary heap; a pure object without clock or lock, owned by one dispatcher.
/// </summary>
public sealed class SessionQueue : IRequestQueue
{
    private Entry[] _heap = new Entry[16];
    private long _entered;

    /// <param name="capacity">Requests that may wait.</param>
    public SessionQueue(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        Capacity = capacity;
    }

    public int Capacity { get; }

    public int Count { get; private set; }

    public int Rows { get; private set; }

    /// <summary>No request that waits has a later deadline; one that has left may have had this one.</summary>
    public TimeSpan LatestDeadline { get; private set; }

    /// <summary>Rows of the requests whose deadlines are no later: they go before one with this deadline.</summary>
    public int RowsUntil(TimeSpan deadline) => RowsUntil(0, deadline);

    /// <summary>False when the queue is full.</summary>
    public bool TryEnqueue(in QueuedRequest request)
    {
        if (Count == Capacity)
        {
            return false;
        }

        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, (int)Math.Min(Capacity, 2L * Count));
        }

        Rows += request.Rows;
        LatestDeadline = Count == 0 || request.Deadline > LatestDeadline ? request.Deadline : LatestDeadline;
        SiftUp(Count++, new Entry(request, _entered++));
        return true;
    }

    /// <summary>The request with the earliest deadline, left where it is.</summary>
    public bool TryPeek(out QueuedRequest request)
    {
        request = Count > 0 ? _heap[0].Request : default;
        return Count > 0;
    }

    /// <summary>Takes the request with the earliest deadline.</summary>
    public bool TryDequeue(out QueuedRequest request)
    {
        if (!TryPeek(out request))
        {
            return false;
        }

        RemoveAt(0);
        return true;
    }

    /// <summary>
    /// Takes out a request whose client gave up; false when it is no longer here. Linear in the length of the queue.
    /// </summary>
    public bool Remove(long id)
    {
        for (var i = 0; i < Count; i++)
        {
            if (_heap[i].Request.Id == id)
            {
                RemoveAt(i);
                return true;
            }
        }

        return false;
    }

    /// <summary>What is below a request in the heap has no earlier deadline than it.</summary>
    private int RowsUntil(int index, TimeSpan deadline) =>
        index >= Count || _heap[index].Request.Deadline > deadline ? 0
        : _heap[index].Request.Rows + RowsUntil((2 * index) + 1, deadline) + RowsUntil((2 * index) + 2, deadline);

    private void RemoveAt(int index)
    {
        Rows -= _heap[index].Request.Rows;
        var last = _heap[--Count];
        _heap[Count] = default;
        if (index == Count)
        {
            return;
        }

        if (index > 0 && last.IsBefore(_heap[(index - 1) / 2]))
        {
            SiftUp(index, last);
        }
        else
        {
            SiftDown(index, last);
        }
    }

    private void SiftUp(int index, in Entry entry)
    {
        while (index > 0 && entry.IsBefore(_heap[(index - 1) / 2]))
        {
            _heap[index] = _heap[(index - 1) / 2];
            index = (index - 1) / 2;
        }

        _heap[index] = entry;
    }

    private void SiftDown(int index, in Entry entry)
    {
        for (var child = 2 * index + 1; child < Count; child = 2 * index + 1)
        {
            if (child + 1 < Count && _heap[child + 1].IsBefore(_heap[child]))
            {
                child++;
            }

            if (!_heap[child].IsBefore(entry))
            {
                break;
            }

            _heap[index] = _heap[child];
            index = child;
        }

        _heap[index] = entry;
    }

    private readonly record struct Entry(QueuedRequest Request, long Order)
    {
        public bool IsBefore(in Entry other) => Request.Deadline != other.Request.Deadline
            ? Request.Deadline < other.Request.Deadline
            : Order < other.Order;
    }
}
