namespace Atoll;

/// <summary>What one row of `bench preempt` varies.</summary>
internal sealed record PreemptCase
{
    public required string Mode { get; init; }

    /// <summary>Kernels that each best-effort client keeps queued.</summary>
    public required int Queue { get; init; }

    public required int Clients { get; init; }

    public required double BlockUs { get; init; }

    public required int Units { get; init; }

    /// <summary>Blocks of the real-time kernel, so the units that it needs.</summary>
    public required int RtBlocks { get; init; }

    /// <summary>full: FIFO submitter and idle-priority units; plain: ordinary threads.</summary>
    public required string Rights { get; init; }

    public required int Samples { get; init; }

    /// <summary>A sample model that each client runs in place of kernels that only pass time.</summary>
    public string? Model { get; init; }

    /// <summary>A garbage collection is forced every 100 ms.</summary>
    public bool ForcesGc { get; init; }
}

/// <summary>Preemption latency of one case in microseconds, beside a control run without best-effort work.</summary>
internal sealed record PreemptRow
{
    public required string Mode { get; init; }

    /// <summary>The model whose kernels were preempted; null where they only pass time.</summary>
    public string? Model { get; init; }

    /// <summary>Kernels of one launch.</summary>
    public required int Queue { get; init; }

    public required int Clients { get; init; }

    public required double BlockUs { get; init; }

    public required int Units { get; init; }

    public required int RtBlocks { get; init; }

    public required string Rights { get; init; }

    public required int Samples { get; init; }

    public required double P50Us { get; init; }

    public required double P99Us { get; init; }

    public required double P999Us { get; init; }

    public required double MaxUs { get; init; }

    public required double ControlP50Us { get; init; }

    public required double ControlP99Us { get; init; }

    public required double ControlP999Us { get; init; }

    public required double ControlMaxUs { get; init; }

    public required long RepeatedBlocks { get; init; }

    public required long StoppedBlocks { get; init; }

    public required long DroppedKernels { get; init; }

    public required long EvictedKernels { get; init; }

    public required PreemptStages StagesP50Us { get; init; }

    public required PreemptStages StagesP99Us { get; init; }

    public required long AllocatedBytesPerLaunch { get; init; }

    /// <summary>
    /// Samples that a garbage collection overlapped; they are left out of the figures above and given here.
    /// </summary>
    public int GcSamples { get; init; }

    public double GcP99Us { get; init; }

    public double GcMaxUs { get; init; }
}

/// <summary>Latency in microseconds by the stage in which it passed.</summary>
internal sealed record PreemptStages(double Flag, double Running, double Idle, double DeviceQueue, double HostQueue);

/// <summary>The JSON form of `bench preempt`.</summary>
internal sealed record PreemptReport(
    string Machine, IReadOnlyList<PreemptRow> Rows, IReadOnlyList<PreemptFlatness> Flatness);

/// <summary>
/// How p50 of a mode follows one variable: change from its smallest to its largest value as a share (the bound for
/// reset is 0.2), largest over smallest p50 of all values, growth in microseconds.
/// </summary>
internal sealed record PreemptFlatness(
    string Mode, string Variable, double P50Change, double P50Ratio, double GrowthUs);
