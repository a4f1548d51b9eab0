namespace Atoll.Serving;

/// <summary>
/// What a batch rule takes from: waiting requests, earliest deadline first, of one session or of several.
/// </summary>
public interface IRequestQueue
{
    int Count { get; }

    /// <summary>Rows of all that wait: what batch sizes count.</summary>
    int Rows { get; }

    /// <summary>The request with the earliest deadline, left where it is; false when none waits.</summary>
    bool TryPeek(out QueuedRequest request);

    /// <summary>Takes the request with the earliest deadline; false when none waits.</summary>
    bool TryDequeue(out QueuedRequest request);
}
