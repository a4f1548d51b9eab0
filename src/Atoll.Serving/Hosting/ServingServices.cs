using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>What a <see cref="ServingHost"/> runs on.</summary>
public sealed record ServingServices
{
    public required IModelLoader Loader { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Must be the device's clock where models run on a device, because deadlines pass between them.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
