using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>What a <see cref="ServingHost"/> runs on.</summary>
public sealed record ServingServices
{
    public required IModelLoader Loader { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Must be the device's clock where models run on a device, because deadlines pass between them.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The device to show in metrics and on the live page; null = none.</summary>
    public IDeviceMonitor? Monitor { get; init; }

    /// <summary>
    /// Serves models in sessions on several devices; null = models run as single requests. Not owned.
    /// </summary>
    public SessionDirector? Sessions { get; init; }

    /// <summary>Files of the live page by path, `/` first of all.</summary>
    public IReadOnlyDictionary<string, StaticAsset> Assets { get; init; } = new Dictionary<string, StaticAsset>();
}
