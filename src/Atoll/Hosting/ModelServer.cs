using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>
/// The one place where a device, the HTTP server and the live page are put together. Disposing stops them in the order
/// that loses nothing: requests, models, compute units.
/// </summary>
internal sealed partial class ModelServer : IAsyncDisposable
{
    private readonly ILoggerFactory _loggers;
    private readonly CpuDevice[] _devices;

    /// <exception cref="DeviceException">The device cannot be made with these options.</exception>
    /// <exception cref="ServingException">A setting is wrong, or the address needs a token.</exception>
    public ModelServer(
        IReadOnlyList<CpuDeviceOptions> devices, ServingOptions serving, LogSection logs, ModelLimits? limits = null,
        SessionSetup? sessions = null)
    {
        sessions ??= new SessionSetup();
        _loggers = LoggerFactory.Create(builder => Logs.Configure(builder, logs));
        _devices = MakeDevices(devices);
        try
        {
            var tuning = sessions.Models is { } models ? TuningCache.Open(models, ReportTuning) : null;
            Sessions = new SessionDirector(
                sessions.Simulated.Count > 0
                    ? sessions.Simulated
                    : [.. _devices.Select(device => new DeviceBackend(device))],
                sessions.Options with { Tuning = tuning }, Device.Clock, _loggers);
            Host = new ServingHost(serving, new ServingServices
            {
                Loader = new DeviceModelLoader(Device, limits, Sessions) { Tuning = tuning },
                Sessions = Sessions,
                Loggers = _loggers,
                Clock = Device.Clock,
                Monitor = new CpuDeviceMonitor(Device),
                Assets = PageAssets.Load(),
            });
            Sessions.Start();
        }
        catch
        {
            DisposeDevices(_devices);
            _loggers.Dispose();
            throw;
        }
    }

    /// <summary>The first device: it runs the models that are served without sessions.</summary>
    public CpuDevice Device => _devices[0];

    public IReadOnlyList<CpuDevice> Devices => _devices;

    /// <summary>Serves models in sessions, on all devices.</summary>
    public SessionDirector Sessions { get; }

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
            Rights = settings.Scheduling == SchedulingName.Plain ? SchedulingRights.Plain : null,
            SpinTime = TimeSpan.FromMicroseconds(settings.SpinUs),
            StarvationLimit = TimeSpan.FromMilliseconds(settings.StarvationLimitMs),
            PaddingBudget = settings.PaddingBudget,
            Clock = clock,
        };
        return settings.MemoryGib > 0 ? options with { MemoryBytes = (long)(settings.MemoryGib * (1L << 30)) }
            : options;
    }

    /// <summary>The devices that the settings describe: one, or one for each set of cores.</summary>
    public static IReadOnlyList<CpuDeviceOptions> DevicesOptions(DeviceSection settings, TimeProvider clock)
    {
        var options = DeviceOptions(settings, clock);
        _ = CoreSets.TryParse(settings.Cores, out var sets);
        return sets.Count == 0 ? [options] : [.. sets.Select(set => options with
        {
            Name = set.Name,
            Cpus = set.Cpus,
            Units = set.Cpus.Count,
            Policy = settings.Policy.Create(clock),
            MemoryBytes = options.MemoryBytes / sets.Count,
        })];
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Sessions.DisposeAsync();
        DisposeDevices(_devices);
        _loggers.Dispose();
    }

    private static CpuDevice[] MakeDevices(IReadOnlyList<CpuDeviceOptions> options)
    {
        var made = new List<CpuDevice>();
        try
        {
            foreach (var device in options)
            {
                made.Add(new CpuDevice(device));
            }

            return [.. made];
        }
        catch
        {
            DisposeDevices(made);
            throw;
        }
    }

    private static void DisposeDevices(IEnumerable<CpuDevice> devices)
    {
        foreach (var device in devices)
        {
            device.Dispose();
        }
    }

    private void ReportTuning(string problem) => LogTuning(_loggers.CreateLogger<ModelServer>(), problem);

    [LoggerMessage(1, LogLevel.Warning, "{Problem} (setting models.tuning_cache)")]
    private static partial void LogTuning(ILogger logger, string problem);
}
