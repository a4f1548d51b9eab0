using Atoll.Models;

namespace Atoll.Serving;

/// <summary>How the director plans while it serves.</summary>
public sealed record SessionDirectorOptions
{
    /// <summary>How often rates are read and changes looked for. Default 1 s.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest time between two plans. Default 15 s.</summary>
    public TimeSpan Epoch { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Shortest time between two plans, whatever happens. Default 2 s.</summary>
    public TimeSpan EpochLeast { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Planned latencies are the measured ones times this; what it adds is left for what no profile knows. Default 1.1.
    /// </summary>
    public double Margin { get; init; } = 1.1;

    /// <summary>
    /// Models share a prefix when it holds at least this part of the weights and work of each; 0 = none do. Default
    /// 0.25.
    /// </summary>
    public double PrefixShare { get; init; } = 0.25;

    /// <summary>Measured choices of kernels. Default null: as modelled.</summary>
    public KernelTuning? Tuning { get; init; }
}
