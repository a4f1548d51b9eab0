namespace Atoll.Serving;

/// <summary>The queues and the order of a dispatcher; each setup is used by one dispatcher.</summary>
/// <param name="Queues">Where requests wait, by session and device.</param>
/// <param name="Order">Chooses among the queues of a free device.</param>
public sealed record SchedulingSetup(IReadOnlyList<DispatchQueue> Queues, IQueueOrder Order);
