namespace Atoll.Serving;

/// <summary>
/// Additive increase, multiplicative decrease (Clipper, NSDI'17): knows no profile; the batch limit grows by a constant
/// while batches end within the objective and shrinks by a tenth when one does not. Gives up only what is late already.
/// </summary>
public sealed class AimdRule : IBatchRule
{
    private const double Decrease = 0.9;
    private readonly TimeSpan _objective;
    private readonly double _increase;
    private double _limit = 1;

    /// <param name="objective">A batch may last this long.</param>
    /// <param name="increase">Added to the limit after a full batch in time.</param>
    public AimdRule(TimeSpan objective, double increase = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(increase);
        _objective = objective;
        _increase = increase;
    }

    /// <summary>The largest batch at the moment.</summary>
    public int Limit => Math.Max(1, (int)_limit);

    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        while (queue.TryPeek(out var head) && head.Deadline < now)
        {
            queue.TryDequeue(out head);
            take.Dropped.Add(head);
        }

        LazyDropRule.Fill(queue, Math.Min(Limit, profile.MaxBatch), take);
    }

    public void Observe(int batch, TimeSpan latency)
    {
        if (latency > _objective)
        {
            _limit = Math.Max(1, _limit * Decrease);
        }
        else if (batch >= Limit)
        {
            _limit += _increase;
        }
    }
}
