namespace Atoll.Devices;

/// <summary>
/// The device that a <see cref="SimulatedDevice"/> plays. The defaults describe a GPU like REEF's MI50: 60 units,
/// running blocks can be killed but not paused. With <see cref="YieldMicroseconds"/> it is like a CPU: blocks stop at
/// yield points.
/// All costs are virtual microseconds.
/// </summary>
public sealed record SimulatedDeviceOptions
{
    public int Units { get; init; } = 60;

    /// <summary>Most blocks that one unit holds at once. Default 40.</summary>
    public int MaxOccupancy { get; init; } = 40;

    public ShareMode Mode { get; init; } = ShareMode.ResetPadding;

    /// <summary>
    /// Order of streams in the preemptive modes. Null: <see cref="PriorityPolicy"/> with its defaults.
    /// </summary>
    public IPolicy? Policy { get; init; }

    public long MemoryBytes { get; init; } = 1L << 34;

    /// <summary>
    /// Host time to put one kernel on a device queue. Default 0: the profiles of real devices include it.
    /// </summary>
    public double LaunchMicroseconds { get; init; }

    /// <summary>Until a preemption flag that was written is seen by the device. Default 10.</summary>
    public double FlagMicroseconds { get; init; } = 10;

    /// <summary>Clearing the host queue of one stream, however long it is. Default 0.5.</summary>
    public double ClearMicroseconds { get; init; } = 0.5;

    /// <summary>Fetching one queued kernel of a device queue only to see it exit. Default 2.2.</summary>
    public double FetchMicroseconds { get; init; } = 2.2;

    /// <summary>Killing everything that runs, once. Default 6.</summary>
    public double KillMicroseconds { get; init; } = 6;

    /// <summary>Time between yield points of a block; 0 = running blocks can only be killed. Default 0.</summary>
    public double YieldMicroseconds { get; init; }

    /// <summary>
    /// At a yield point real-time work can run nested in a stopped block, which then goes on (the CPU's reset). Default
    /// true; without yield points it has no effect.
    /// </summary>
    public bool Nests { get; init; } = true;

    /// <summary>
    /// Kernels of a best-effort stream that the device queue holds, the running one included; null: 2 in the reset
    /// modes, 1024 in the others and for real-time streams.
    /// </summary>
    public int? DeviceQueueCapacity { get; init; }

    public PaddingRule PaddingRule { get; init; } = PaddingRule.BestFit;

    /// <summary>Null: real-time launches are padded without measuring what it costs them.</summary>
    public PaddingGuardOptions? PaddingGuard { get; init; }

    /// <summary>
    /// Memory contention: slowdown of a padded real-time kernel if padding took all units, in proportion to those that
    /// it may take. Default 0.
    /// </summary>
    public double PaddingContention { get; init; }

    /// <summary>Time of a block whose kernel states none. Default 10.</summary>
    public double DefaultBlockMicroseconds { get; init; } = 10;

    internal bool Stops => YieldMicroseconds > 0;

    internal bool Pauses => Stops && Nests && Mode is ShareMode.Reset or ShareMode.ResetPadding;

    internal bool Preempts => Mode is not (ShareMode.Sequential or ShareMode.MultiStream);

    internal int QueueCapacity(WorkClass workClass) =>
        workClass == WorkClass.RealTime ? LongQueue
        : DeviceQueueCapacity ?? (Preempts && Mode != ShareMode.Wait ? 2 : LongQueue);

    /// <exception cref="DeviceException">A value out of range.</exception>
    internal void Validate()
    {
        Check(Units is >= 1 and <= 1 << 16, nameof(Units), "1 to 65536");
        Check(MaxOccupancy is >= 1 and <= 1 << 10, nameof(MaxOccupancy), "1 to 1024");
        Check(DeviceQueueCapacity is null or >= 1, nameof(DeviceQueueCapacity), "at least 1");
        Check(DefaultBlockMicroseconds > 0, nameof(DefaultBlockMicroseconds), "more than 0");
        Check(PaddingContention >= 0, nameof(PaddingContention), "at least 0");
        Check(LaunchMicroseconds >= 0 && FlagMicroseconds >= 0 && ClearMicroseconds >= 0 && FetchMicroseconds >= 0 &&
            KillMicroseconds >= 0 && YieldMicroseconds >= 0, "every cost", "at least 0");
    }

    private const int LongQueue = 1024;

    private static void Check(bool isValid, string name, string range)
    {
        if (!isValid)
        {
            throw new DeviceException(DeviceError.InvalidSetting, $"simulated device: {name} must be {range}");
        }
    }
}
