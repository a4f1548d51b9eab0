namespace Atoll.Devices;

/// <summary>What one preemption found in the three places where work sits, and what it cost.</summary>
/// <param name="At">Virtual time of the real-time submit, in nanoseconds.</param>
/// <param name="Dropped">Kernels in host queues.</param>
/// <param name="Evicted">Kernels in device queues.</param>
/// <param name="Stopped">Running blocks that were stopped.</param>
/// <param name="Repeated">Stopped blocks that will run again from their start.</param>
/// <param name="Flag">Nanoseconds until the flag was seen.</param>
/// <param name="HostQueue">Nanoseconds for clearing host queues.</param>
/// <param name="DeviceQueue">Nanoseconds for emptying device queues.</param>
/// <param name="Running">Nanoseconds until running blocks had ended or stopped.</param>
/// <param name="Total">Nanoseconds from submit until real-time work had the units.</param>
public readonly record struct SimulatedPreemption(
    long At, int Dropped, int Evicted, int Stopped, int Repeated,
    long Flag, long HostQueue, long DeviceQueue, long Running, long Total);
