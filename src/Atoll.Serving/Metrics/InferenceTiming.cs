namespace Atoll.Serving;

/// <summary>
/// Where a request's time went inside the model, as the model tells it: waiting for a batch, copying inputs in, and how
/// many items ran together. What the model does not tell counts as computing.
/// </summary>
public readonly record struct InferenceTiming
{
    /// <summary>Waiting that came after admission, e.g. for a batch to fill.</summary>
    public TimeSpan Queued { get; init; }

    /// <summary>Copying the inputs to the device.</summary>
    public TimeSpan Input { get; init; }

    /// <summary>Items that the device ran together; 0 = those of this request alone.</summary>
    public int BatchSize { get; init; }

    /// <summary>The execution is counted with another request of the same batch, once per batch.</summary>
    public bool IsCountedElsewhere { get; init; }
}
