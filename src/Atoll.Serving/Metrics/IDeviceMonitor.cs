using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>What a device tells of itself while it runs, for metrics and the live page. Thread-safe.</summary>
public interface IDeviceMonitor
{
    Device Device { get; }

    PreemptionStatistics Statistics { get; }

    /// <summary>Unit time in seconds spent on the class, over all units.</summary>
    double BusySeconds(WorkClass workClass);

    /// <summary>Recent blocks of all units that ended after the device timestamp.</summary>
    IReadOnlyList<TimelineSample> Timeline(long since);
}

/// <summary>Reads a CPU device.</summary>
public sealed class CpuDeviceMonitor(CpuDevice device) : IDeviceMonitor
{
    public Device Device => device;

    public PreemptionStatistics Statistics => device.Statistics;

    public double BusySeconds(WorkClass workClass) => device.BusySeconds(workClass);

    public IReadOnlyList<TimelineSample> Timeline(long since) => device.Timeline(since);
}
