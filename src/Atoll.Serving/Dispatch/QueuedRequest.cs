namespace Atoll.Serving;

/// <summary>
/// A request that waits for a batch. Times are spans since one fixed origin, the same for all requests of a dispatcher.
/// </summary>
/// <param name="Id">Unique among the requests of a queue; what the owner knows the request by.</param>
/// <param name="Arrival">When it came.</param>
/// <param name="Deadline">When its answer must be ready: arrival, plus the objective, plus slack that earlier stages of
/// a query left.</param>
/// <param name="Rows">What it adds to a batch: batch sizes, windows and profiles count rows.</param>
public readonly record struct QueuedRequest(long Id, TimeSpan Arrival, TimeSpan Deadline, int Rows = 1);
