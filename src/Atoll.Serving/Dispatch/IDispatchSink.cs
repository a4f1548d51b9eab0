namespace Atoll.Serving;

/// <summary>
/// Carries out what a <see cref="Dispatcher"/> decides. Calls come from inside its methods and must not call back into
/// it; lists are valid during the call only.
/// </summary>
public interface IDispatchSink
{
    /// <summary>The device is to run these requests together now.</summary>
    void Start(int device, DispatchQueue queue, IReadOnlyList<QueuedRequest> batch);

    /// <summary>A request was given up.</summary>
    void Drop(int session, in QueuedRequest request);
}
