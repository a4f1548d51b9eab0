using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>
/// The one place where a device, the HTTP server and the live page are put together. Disposing stops them in the order
/// that loses nothing: requests, models, compute units.
/// </summary>
internal sealed class ModelServer : IAsyncDisposable
{
    private readonly ILoggerFactory _loggers;

    /// <exception cref="DeviceException">The device cannot be made with these options.</exception>
    /// <exception cref="ServingException">A setting is wrong, or the address needs a token.</exception>
    public ModelServer(
        CpuDeviceOptions device, ServingOptions serving, LogSection logs, ModelLimits? limits = null)
    {
        _loggers = LoggerFactory.Create(builder => Logs.Configure(builder, logs));
        Device = new CpuDevice(device);
        try
        {
            Host = new ServingHost(serving, new ServingServices
            {
                Loader = new DeviceModelLoader(Device, limits),
                Loggers = _loggers,
                Clock = Device.Clock,
                Monitor = new CpuDeviceMonitor(Device),
                Assets = PageAssets.Load(),
            });
        }
        catch
        {
            Device.Dispose();
            _loggers.Dispose();
            throw;
        }
    }

    public CpuDevice Device { get; }

    public ServingHost Host { get; }

    /// <summary>The device that the settings describe.</summary>
    public static CpuDeviceOptions DeviceOptions(DeviceSection settings, TimeProvider clock)
    {
        _ = DeviceName.TryParse(settings.Name, out var units);
        var options = new CpuDeviceOptions
        {
            Units = units,
            Mode = settings.Mode,
            Policy = settings.Policy.Create(clock),
            SpinTime = TimeSpan.FromMicroseconds(settings.SpinUs),
            StarvationLimit = TimeSpan.FromMilliseconds(settings.StarvationLimitMs),
            PaddingBudget = settings.PaddingBudget,
            Clock = clock,
        };
        return settings.MemoryGib > 0 ? options with { MemoryBytes = (long)(settings.MemoryGib * (1L << 30)) }
            : options;
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Device.Dispose();
        _loggers.Dispose();
    }
}
