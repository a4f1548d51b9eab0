namespace Atoll.Serving;

/// <summary>A policy that plans nothing: all devices run all sessions.</summary>
/// <param name="name">What reports call it.</param>
/// <param name="queues">The queues for a load.</param>
/// <param name="order">The order for so many devices.</param>
internal sealed class SharedPolicy(
    string name, Func<ClusterLoad, DispatchQueue[]> queues, Func<int, IQueueOrder> order) : ISchedulingPolicy
{
    public string Name => name;

    public Func<SchedulingSetup> Plan(ClusterLoad load, bool fill) =>
        () => new(queues(load), order(load.DeviceNames.Count));
}
