namespace Atoll.Serving;

/// <summary>
/// The live sequences of one model. Requests of a sequence take turns in the order in which they came; sequences do not
/// wait for each other. Bounded in sequences and in waiting requests; idle ones are forgotten. Thread-safe.
/// </summary>
internal sealed class SequenceBook(
    string model, SequenceConfiguration configuration, IReadOnlyList<InputTensor> initial, TimeProvider clock)
{
    /// <summary>Requests of one sequence that may wait for their turn.</summary>
    private const int MostWaiting = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<(ulong Number, string Text), Sequence> _sequences = [];
    private long _lastSweep = clock.GetTimestamp();
    private readonly TimeSpan _idle = TimeSpan.FromMicroseconds(configuration.MaxSequenceIdleMicroseconds);

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _sequences.Count;
            }
        }
    }

    /// <summary>
    /// Waits for the request's turn; the caller ends it by <see cref="SequenceTurn.Leave"/>. A refusal is an outcome
    /// that is not completed.
    /// </summary>
    public async ValueTask<(SequenceTurn? Turn, InferenceOutcome Refusal)> EnterAsync(
        SequenceStep step, CancellationToken cancellation)
    {
        Sequence sequence;
        Task before;
        TaskCompletionSource done;
        lock (_lock)
        {
            ForgetIdle_NeedsLock(step);
            if (Refuse_NeedsLock(step) is { } refusal)
            {
                return (null, refusal);
            }

            sequence = Sequence_NeedsLock(step);
            (before, done) = sequence.Queue(step.IsEnd);
        }

        var turn = new SequenceTurn(this, sequence, step, done);
        try
        {
            await before.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // Others wait for this turn, which ends when those before it have ended.
            _ = before.ContinueWith(
                _ => turn.Skip(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            return (null, new InferenceOutcome(InferenceStatus.Cancelled));
        }

        if (step.IsStart)
        {
            sequence.State.Reset();
        }

        return (turn, default);
    }

    internal void Leave(Sequence sequence, SequenceStep step)
    {
        lock (_lock)
        {
            sequence.Waiting--;
            sequence.LastUse = clock.GetTimestamp();
            if (step.IsEnd && sequence.Waiting == 0)
            {
                _sequences.Remove((step.Number, step.Text));
            }
        }
    }

    private InferenceOutcome? Refuse_NeedsLock(SequenceStep step)
    {
        if (!step.IsGiven)
        {
            return new(InferenceStatus.Rejected, null,
                $"inference request to model '{model}' must specify a non-zero or non-empty correlation ID");
        }

        // What comes behind the end belongs to no sequence, whether or not the end has run yet.
        var known = _sequences.TryGetValue((step.Number, step.Text), out var sequence);
        if ((!known || sequence!.IsEnding) && !step.IsStart)
        {
            return new(InferenceStatus.Rejected, null,
                $"inference request for sequence {step} to model '{model}' must specify the START flag on the first " +
                "request of the sequence");
        }

        if (known && sequence!.Waiting >= MostWaiting)
        {
            return new(InferenceStatus.QueueFull, null,
                $"{MostWaiting} requests wait for their turn in sequence {step}, which is the most");
        }

        return known || _sequences.Count < configuration.MaxSequences ? null : new(InferenceStatus.QueueFull, null,
            $"{configuration.MaxSequences} sequences are open (setting max_sequences of sequence_batching of " +
            "config.json)");
    }

    private Sequence Sequence_NeedsLock(SequenceStep step)
    {
        if (!_sequences.TryGetValue((step.Number, step.Text), out var sequence))
        {
            _sequences.Add((step.Number, step.Text), sequence = new Sequence(new ModelStateSet(initial)));
        }

        return sequence;
    }

    private bool IsIdle(Sequence sequence) =>
        sequence.Waiting == 0 && clock.GetElapsedTime(sequence.LastUse) > _idle;

    /// <summary>
    /// Forgets the request's own sequence when it is idle, and all idle ones once a period or when full.
    /// </summary>
    private void ForgetIdle_NeedsLock(SequenceStep step)
    {
        if (_sequences.TryGetValue((step.Number, step.Text), out var own) && IsIdle(own))
        {
            _sequences.Remove((step.Number, step.Text));
        }

        if (_sequences.Count < configuration.MaxSequences && clock.GetElapsedTime(_lastSweep) <= _idle)
        {
            return;
        }

        _lastSweep = clock.GetTimestamp();
        foreach (var (key, _) in _sequences.Where(pair => IsIdle(pair.Value)).ToArray())
        {
            _sequences.Remove(key);
        }
    }

    internal sealed class Sequence(ModelStateSet state)
    {
        private Task _last = Task.CompletedTask;

        public ModelStateSet State => state;

        public int Waiting { get; set; }

        /// <summary>The last request so far ends the sequence: only a start may follow.</summary>
        public bool IsEnding { get; private set; }

        public long LastUse { get; set; }

        public (Task Before, TaskCompletionSource Done) Queue(bool isEnd)
        {
            var before = _last;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _last = done.Task;
            IsEnding = isEnd;
            Waiting++;
            return (before, done);
        }
    }
}

/// <summary>One request's turn in its sequence.</summary>
internal sealed class SequenceTurn(
    SequenceBook book, SequenceBook.Sequence sequence, SequenceStep step, TaskCompletionSource done)
{
    public ModelStateSet State => sequence.State;

    /// <summary>Gives the turn up without a run; a start that is given up still begins anew.</summary>
    public void Skip()
    {
        if (step.IsStart)
        {
            sequence.State.Reset();
        }

        Leave();
    }

    /// <summary>Lets the next request of the sequence run; forgets the sequence after its last.</summary>
    public void Leave()
    {
        book.Leave(sequence, step);
        done.TrySetResult();
    }
}
