namespace Atoll.Serving;

/// <summary>How the measured points of a <see cref="BatchProfile"/> become planned latencies.</summary>
public sealed record ProfileOptions
{
    public static readonly ProfileOptions Default = new();

    /// <summary>Planned latency is (mean + deviation) × this; 1 plans on the measurement itself.</summary>
    public double Margin { get; init; } = 1;

    /// <summary>
    /// True: only measured batch sizes run, a smaller batch is padded up to the next. False: linear between.
    /// </summary>
    public bool PointsOnly { get; init; }

    /// <summary>Mean plus deviation of the host's work before a batch runs, without margin.</summary>
    public TimeSpan Preprocessing { get; init; }

    /// <summary>Mean plus deviation of the host's work after a batch ran, without margin.</summary>
    public TimeSpan Postprocessing { get; init; }

    /// <summary>
    /// The part of the memory that sessions of the same model on one device share (0 = unknown: none).
    /// </summary>
    public long WeightBytes { get; init; }
}
