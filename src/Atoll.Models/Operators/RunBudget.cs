namespace Atoll.Models;

/// <summary>What one run has used of its limits, its subgraphs included, and the wish to end it.</summary>
internal sealed class RunBudget(ModelLimits limits, CancellationToken cancellation = default)
{
    private long _iterations;
    private long _stacked;

    public ModelLimits Limits => limits;

    public CancellationToken Cancellation => cancellation;

    /// <summary>Counts one iteration of a loop.</summary>
    /// <exception cref="ModelException">There were too many.</exception>
    public void CountIteration()
    {
        cancellation.ThrowIfCancellationRequested();
        if (++_iterations > limits.LoopIterationsMax)
        {
            throw ModelLimits.Exceeded("the loops of this run have too many iterations", limits.LoopIterationsMax,
                nameof(limits.LoopIterationsMax));
        }
    }

    /// <summary>Counts what iterations leave behind until their loop ends, over all loops that run.</summary>
    /// <exception cref="ModelException">It is too much.</exception>
    public void Stack(long bytes) => CheckBytes(_stacked += bytes);

    /// <summary>The bytes are no longer held: their loop has ended.</summary>
    public void Unstack(long bytes) => _stacked -= bytes;

    /// <summary>Checks the bytes that are alive at once.</summary>
    /// <exception cref="ModelException">They are too many.</exception>
    public void CheckBytes(long bytes)
    {
        if (bytes > limits.HostBytesMax)
        {
            throw ModelLimits.Exceeded($"the values of this run take {bytes} bytes", limits.HostBytesMax,
                nameof(limits.HostBytesMax));
        }
    }
}
