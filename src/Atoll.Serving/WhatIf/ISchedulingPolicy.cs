namespace Atoll.Serving;

/// <summary>
/// A way to serve a load with given devices: who may run where, how batches are taken, and in what order.
/// </summary>
public interface ISchedulingPolicy
{
    /// <summary>What commands and reports call it.</summary>
    string Name { get; }

    /// <summary>Divides the devices for these rates; the answer makes fresh queues for each run of the plan.</summary>
    /// <param name="load">Sessions, at the rates to plan for, and devices.</param>
    /// <param name="fill">True: use every device that helps; false: as few as the rates need.</param>
    Func<SchedulingSetup> Plan(ClusterLoad load, bool fill);
}
