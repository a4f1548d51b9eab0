namespace Atoll.Devices;

/// <summary>What every device checks before it makes a stream or takes a launch.</summary>
internal static class StreamChecks
{
    public static void Check(Device device, StreamOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Client is { } client && !ReferenceEquals(client.Device, device))
        {
            throw new DeviceException(DeviceError.ForeignObject,
                $"client '{client.Name}' of stream '{options.Name}' belongs to {client.Device.Name}, not to " +
                    $"{device.Name}");
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Weight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.QueueCapacity);
    }

    public static void CheckOwner(Device device, Launch launch)
    {
        if (!ReferenceEquals(launch.Program.Device, device))
        {
            throw new DeviceException(DeviceError.ForeignObject,
                $"program '{launch.Program.Name}' was loaded on {launch.Program.Device.Name}, not on {device.Name}");
        }
    }
}
