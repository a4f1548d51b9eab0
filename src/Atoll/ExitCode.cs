using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>What the process returns: 0 done, 1 failed, 2 bad usage or input.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;

    /// <summary>The code for an error: what the user gave is bad input, the rest is a failure.</summary>
    public static int Of(Exception exception) => exception switch
    {
        ModelException { Error: ModelError.WriteFailed } => Failed,
        UsageException or ModelException => BadInput,
        FileNotFoundException or DirectoryNotFoundException => BadInput,
        DeviceException { Error: DeviceError.InvalidSetting or DeviceError.UnknownDevice } => BadInput,
        ServingException { Error: not (ServingError.AddressInUse or ServingError.AddressUnavailable) } => BadInput,
        _ => Failed,
    };
}
