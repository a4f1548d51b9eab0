namespace Atoll.Models;

/// <summary>
/// How a model is compiled. The defaults are right for serving; the rest is for tests and measurements.
/// </summary>
public sealed record CompileOptions
{
    public static CompileOptions Default { get; } = new();

    /// <summary>Fuse operators. Default true.</summary>
    public bool Fuse { get; init; } = true;

    /// <summary>
    /// Compute 3x3 convolutions by Winograd's F(4x4, 3x3) where it is faster. Results differ from those of the direct
    /// form by up to some 1e-5 of the largest value of an output. Default true.
    /// </summary>
    public bool Winograd { get; init; } = true;

    /// <summary>
    /// Where two forms are close by model, take the one that was the faster on this machine. Default null: as modelled.
    /// </summary>
    public KernelTuning? Tuning { get; init; }

    /// <summary>Let producers write straight into their part of a concatenation. Default true.</summary>
    public bool ConcatenateInPlace { get; init; } = true;

    /// <summary>
    /// Most concrete input shapes whose memory plan is kept; the least recently used one goes. Default 16.
    /// </summary>
    public int PlanCacheCapacity { get; init; } = 16;

    /// <summary>
    /// In a model that runs partly on the host: elements written by a group of light operators from which on it is
    /// compiled for the device. Default 1024.
    /// </summary>
    public long IslandElementsMin { get; init; } = 1024;

    /// <summary>What the model may ask for, also when its shapes are chosen at run time.</summary>
    public ModelLimits Limits { get; init; } = ModelLimits.Default;

    /// <summary>Replay each memory plan against an independent model of it. Slow; default false.</summary>
    public bool CheckPlans { get; init; }
}
