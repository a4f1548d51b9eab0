using System.Threading.Tasks.Sources;

namespace Atoll.Serving;

/// <summary>
/// One request on its way through a session: queued, running, ended. Holds the outputs until they are disposed, then is
/// used again, so that a warm session allocates nothing per request. Its state is guarded by the session's lock.
/// </summary>
internal sealed class LiveRequest(LiveSession session)
    : IValueTaskSource<InferenceOutcome>, IThreadPoolWorkItem, IInferenceOutputs
{
    private ManualResetValueTaskSourceCore<InferenceOutcome> _completion;
    private InferenceOutcome _outcome;
    private long[][] _shapes = [];
    private byte[][] _data = [];
    private int[] _lengths = [];
    private InferenceRequest? _request;
    private CancellationTokenRegistration _leaving;
    private int _isHeld;

    public enum Stage
    {
        Queued,
        Running,

        /// <summary>Its batch failed, and it is to run once more, alone.</summary>
        Apart,
        Ended,
    }

    public LiveSession Session => session;

    public long Id { get; private set; }

    public Stage Where { get; set; }

    /// <summary>The client left after the request was taken from the queue; its answer is thrown away.</summary>
    public bool HasLeft { get; set; }

    /// <summary>If it is given up here, the session of late requests takes it.</summary>
    public bool MayDefer { get; private set; }

    /// <summary>It was given up here for the session of late requests to take.</summary>
    public bool IsDeferred { get; set; }

    /// <summary>The lane that runs it.</summary>
    public DeviceLane? Lane { get; set; }

    /// <summary>Position of its model among those that share the replica that runs it.</summary>
    public int Member { get; set; }

    public TimeSpan Arrival { get; private set; }

    /// <summary>When it came to the session; the time from its arrival until then is not the session's.</summary>
    public TimeSpan Entered { get; set; }

    public TimeSpan Deadline { get; private set; }

    public int Rows { get; private set; }

    public int Priority => session.Options.Priority ?? _request!.Priority;

    public InputTensor[] Inputs => _request!.Inputs;

    public QueuedRequest Queued => new(Id, Arrival, Deadline, Rows);

    public ValueTask<InferenceOutcome> Completion => new(this, _completion.Version);

    public void Begin(InferenceRequest request, long id, int rows, (TimeSpan Arrival, TimeSpan Deadline) times)
    {
        _completion.Reset();
        (_request, Id, Rows) = (request, id, rows);
        (Arrival, Deadline) = times;
        Where = Stage.Queued;
        HasLeft = IsDeferred = false;
        MayDefer = session.Defers(request);
        Lane = null;
    }

    public bool Wants(int output)
    {
        foreach (var wanted in _request!.Outputs)
        {
            if (wanted.Index == output)
            {
                return true;
            }
        }

        return false;
    }

    public void SetOutput(int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data)
    {
        data.CopyTo(Room(output, shape, isBatched, data.Length));
    }

    /// <summary>Some rows of an output, of a request that runs in parts.</summary>
    public void SetRows(
        int output, ReadOnlySpan<long> shape, (int First, int Count) rows, ReadOnlySpan<byte> data)
    {
        var row = data.Length / rows.Count;
        data.CopyTo(Room(output, shape, isBatched: true, checked(row * Rows))[(rows.First * row)..]);
    }

    private Span<byte> Room(int output, ReadOnlySpan<long> shape, bool isBatched, int length)
    {
        while (_shapes.Length <= output)
        {
            _shapes = [.. _shapes, []];
            _data = [.. _data, []];
            _lengths = [.. _lengths, 0];
        }

        if (_shapes[output].Length != shape.Length)
        {
            _shapes[output] = new long[shape.Length];
        }

        shape.CopyTo(_shapes[output]);
        if (isBatched)
        {
            _shapes[output][0] = Rows;
        }

        if (_data[output].Length < length)
        {
            _data[output] = new byte[length];
        }

        _lengths[output] = length;
        return _data[output].AsSpan(0, length);
    }

    /// <summary>
    /// Lets outputs go that are larger than those of a whole batch, before the request is kept to be used again.
    /// </summary>
    public void Shrink()
    {
        if (Rows > session.Options.MaxBatch)
        {
            Array.Fill(_data, []);
            Array.Clear(_lengths);
        }
    }

    public void End(InferenceStatus status, string? reason = null, InferenceTiming timing = default)
    {
        Where = Stage.Ended;
        _request = null;
        _isHeld = status == InferenceStatus.Completed ? 1 : 0;
        _outcome = new InferenceOutcome(status, status == InferenceStatus.Completed ? this : null, reason, timing);

        // Elsewhere: the lane goes on with the next batch and does not run what follows an answer. An answer that came
        // in time goes out before what has only arrived is looked at; under more load than the server can carry it
        // would be late behind that. A refusal may wait.
        if (status == InferenceStatus.Completed)
        {
            CompletionThreads.Of(session.Options.Class).Post(this);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute() => _completion.SetResult(_outcome);

    public ReadOnlySpan<long> Shape(int output) => _shapes[output];

    public ReadOnlySpan<byte> Data(int output) => _data[output].AsSpan(0, _lengths[output]);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isHeld, 0) == 1)
        {
            session.Return(this);
        }
    }

    /// <summary>
    /// Gives the request up when the client leaves; called before anyone can take the outcome, which ends it.
    /// </summary>
    public void LeaveWith(CancellationToken client) => _leaving = client.UnsafeRegister(
        static request => ((LiveRequest)request!).GiveUp(), this);

    private void GiveUp() => session.GiveUp(this);

    InferenceOutcome IValueTaskSource<InferenceOutcome>.GetResult(short token)
    {
        var outcome = _completion.GetResult(token);

        // Waits for a client that is just leaving: it must not take the request's next use along.
        _leaving.Dispose();
        if (outcome.Outputs is null && !MayDefer)
        {
            // One that may be deferred is returned by who looks whether it was.
            session.Return(this);
        }

        return outcome;
    }

    ValueTaskSourceStatus IValueTaskSource<InferenceOutcome>.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource<InferenceOutcome>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);
}
