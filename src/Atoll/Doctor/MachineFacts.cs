namespace Atoll;

/// <summary>What this process finds on this machine. Null where the system does not say.</summary>
internal sealed record MachineFacts
{
    public const string Vnni512 = "512-bit VNNI";

    public required string System { get; init; }

    public required string Architecture { get; init; }

    public string? CpuModel { get; init; }

    public required bool HasAvx2 { get; init; }

    public required bool HasAvx512 { get; init; }

    /// <summary>512-bit VNNI: products of bytes, for which kernels make machine code at run time.</summary>
    public bool HasVnni512 { get; init; }

    /// <summary>What products of bytes are computed by.</summary>
    public string ByteProducts { get; init; } = "";

    public required int CpusOfMachine { get; init; }

    /// <summary>CPUs that the process's affinity allows.</summary>
    public required int CpusAllowed { get; init; }

    /// <summary>CPUs' worth of time that the container's quota allows; null for no quota.</summary>
    public double? CpuQuota { get; init; }

    public required double MemoryGib { get; init; }

    /// <summary>Memory that the process may use: the machine's, or the container's limit where that is less.</summary>
    public required double MemoryAllowedGib { get; init; }

    public required SchedulingFacts Scheduling { get; init; }
}

/// <summary>Scheduling policies that threads of this process may take, each tried on a thread of its own.</summary>
internal sealed record SchedulingFacts
{
    /// <summary>SCHED_FIFO: ahead of every ordinary thread.</summary>
    public required bool MayUseFifo { get; init; }

    /// <summary>SCHED_IDLE: behind every ordinary thread.</summary>
    public required bool MayUseIdle { get; init; }

    /// <summary>Back from SCHED_IDLE to an ordinary rank, which takes CAP_SYS_NICE.</summary>
    public required bool MayLeaveIdle { get; init; }

    /// <summary>Microseconds of each real-time period that SCHED_FIFO threads may run; -1 is no limit.</summary>
    public long? RtRuntimeUs { get; init; }

    public long? RtPeriodUs { get; init; }
}
