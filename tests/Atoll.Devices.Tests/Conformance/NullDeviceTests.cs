using Atoll.Devices.Conformance;

namespace Atoll.Devices.Tests;

public sealed class NullDeviceTests : DeviceConformance
{
    protected override bool RunsBodies => false;

    protected override Device Create(ShareMode mode) => new NullDevice(mode);
}
