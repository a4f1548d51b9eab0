using Atoll.Devices.Conformance;

namespace Atoll.Devices.Tests;

/// <summary>A simulated GPU: running blocks are killed.</summary>
public sealed class SimulatedDeviceTests : DeviceConformance
{
    protected override Device Create(ShareMode mode) => new SimulatedDevice(new() { Units = 4, Mode = mode });

    protected override Device Create(IPolicy policy) => new SimulatedDevice(new() { Units = 2, Policy = policy });
}

/// <summary>A simulated CPU: running blocks stop at yield points, and launches cost time.</summary>
public sealed class YieldingSimulatedDeviceTests : DeviceConformance
{
    protected override Device Create(ShareMode mode) =>
        new SimulatedDevice(new() { Units = 2, Mode = mode, YieldMicroseconds = 2, FlagMicroseconds = 0.5,
            LaunchMicroseconds = 1 });
}
