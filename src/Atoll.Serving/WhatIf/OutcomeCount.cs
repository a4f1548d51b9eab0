namespace Atoll.Serving;

/// <summary>How many requests ended how.</summary>
public sealed class OutcomeCount
{
    public long Good { get; private set; }

    public long Late { get; private set; }

    public long Dropped { get; private set; }

    public long Total => Good + Late + Dropped;

    /// <summary>Part within the objective; 1 when there were no requests.</summary>
    public double GoodShare => Total == 0 ? 1 : (double)Good / Total;

    public double LateShare => Total == 0 ? 0 : (double)Late / Total;

    public double DroppedShare => Total == 0 ? 0 : (double)Dropped / Total;

    internal void Add(RequestOutcome outcome)
    {
        switch (outcome)
        {
            case RequestOutcome.Good:
                Good++;
                break;
            case RequestOutcome.Late:
                Late++;
                break;
            default:
                Dropped++;
                break;
        }
    }
}
