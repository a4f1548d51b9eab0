namespace Atoll.Devices;

/// <summary>How a stream takes part in the sharing of its device.</summary>
public sealed record StreamOptions
{
    public WorkClass Class { get; init; } = WorkClass.BestEffort;

    /// <summary>Order within a class: a smaller number goes first. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>Share under the fair policy, relative to other streams' weights; more than 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Most launches that may wait in the host queue. Default 256.</summary>
    public int QueueCapacity { get; init; } = 256;

    public string Name { get; init; } = "stream";

    /// <summary>Null: the device's own default client.</summary>
    public DeviceClient? Client { get; init; }
}
