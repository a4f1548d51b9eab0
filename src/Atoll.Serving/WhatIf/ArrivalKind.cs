namespace Atoll.Serving;

/// <summary>How arrivals of a session are spread in time.</summary>
public enum ArrivalKind
{
    /// <summary>Independent of each other (open loop, exponential gaps).</summary>
    Poisson,

    /// <summary>Equal gaps.</summary>
    Uniform,

    /// <summary>Poisson whose rate switches at random between a high and a low state (two-state MMPP).</summary>
    Bursty,

    /// <summary>The times of a file, repeated when they end.</summary>
    Trace,
}
