namespace Atoll.Devices;

/// <summary>What a device refused or could not do.</summary>
public enum DeviceError
{
    UnknownDevice,
    OutOfMemory,
    ClientBudgetExceeded,
    InvalidProgram,
    InvalidSetting,
    ForeignObject,
    Disposed,
    Unsupported,
}

/// <summary>
/// A device's environment failed or a request to it was wrong; the message says what, where, limit and setting.
/// </summary>
public sealed class DeviceException(DeviceError error, string message) : Exception(message)
{
    public DeviceError Error { get; } = error;
}
