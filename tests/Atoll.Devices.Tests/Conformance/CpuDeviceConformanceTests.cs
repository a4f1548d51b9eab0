using Atoll.Devices.Conformance;

namespace Atoll.Devices.Tests;

public sealed class CpuDeviceConformanceTests : DeviceConformance
{
    protected override Device Create(ShareMode mode) => new CpuDevice(new CpuDeviceOptions { Units = 2, Mode = mode });

    protected override Device Create(IPolicy policy) =>
        new CpuDevice(new CpuDeviceOptions { Units = 1, Mode = ShareMode.Reset, Policy = policy });
}
