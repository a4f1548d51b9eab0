namespace Atoll.Devices;

/// <summary>How a <see cref="CpuDevice"/> is built.</summary>
public sealed record CpuDeviceOptions
{
    /// <summary>
    /// Compute units, each a thread pinned to a CPU of its own; 0 = one per CPU that the process may use.
    /// </summary>
    public int Units { get; init; }

    /// <summary>
    /// The CPUs that the units are pinned to, as the system numbers them; null: the last of those that the process may
    /// use. Devices with CPUs of their own do not disturb each other.
    /// </summary>
    public IReadOnlyList<int>? Cpus { get; init; }

    /// <summary>Name of the device. Default `cpu`.</summary>
    public string Name { get; init; } = "cpu";

    public ShareMode Mode { get; init; } = ShareMode.ResetPadding;

    /// <summary>Order among streams of one class. Null: <see cref="PriorityPolicy"/> with its defaults.</summary>
    public IPolicy? Policy { get; init; }

    /// <summary>
    /// Kernels of one stream that may sit between host queue and units; null: 4, or 1024 under wait-based preemption.
    /// </summary>
    public int? DeviceQueueCapacity { get; init; }

    /// <summary>
    /// Most bytes that all buffers together may hold. Default: 3/4 of the memory that the process may use.
    /// </summary>
    public long MemoryBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 * 3;

    /// <summary>How long an idle unit spins before it sleeps. Default 60 us.</summary>
    public TimeSpan SpinTime { get; init; } = TimeSpan.FromMicroseconds(60);

    /// <summary>
    /// Longest time that ready best-effort work may get no block while real-time work saturates the device; then one
    /// block of it runs between two real-time kernels. Default 100 ms.
    /// </summary>
    public TimeSpan StarvationLimit { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Real-time slowdown beyond which padding pauses. Default 0.01 (1 %).</summary>
    public double PaddingBudget { get; init; } = 0.01;

    /// <summary>What the threads may use; null: probed.</summary>
    public SchedulingRights? Rights { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The CPU that each unit is pinned to.</summary>
    /// <exception cref="DeviceException">
    /// More units than CPUs, no unit, or a CPU that the process may not use.
    /// </exception>
    internal IReadOnlyList<int> UnitCpus()
    {
        var cpus = CheckedCpus();
        var units = Units == 0 ? cpus.Count : Units;
        return units >= 1 && units <= cpus.Count
            ? [.. cpus.Skip(cpus.Count - units)]
            : throw new DeviceException(DeviceError.InvalidSetting,
                $"{units} compute units asked for: 1 to {cpus.Count} are possible, one per CPU (setting device.name, " +
                "cpu:N)");
    }

    private IReadOnlyList<int> CheckedCpus()
    {
        var allowed = ThreadScheduling.AllowedCpus();
        if (Cpus is not { } cpus)
        {
            return allowed;
        }

        return cpus.Count > 0 && cpus.All(allowed.Contains) && cpus.Distinct().Count() == cpus.Count
            ? cpus
            : throw new DeviceException(DeviceError.InvalidSetting,
                $"device '{Name}' is to run on CPUs {string.Join(',', cpus)}: the process may use " +
                $"{string.Join(',', allowed)}, each once (setting device.cores)");
    }
}
