namespace Atoll.Devices;

/// <summary>What padding must know of a device.</summary>
/// <param name="Units">Number of compute units.</param>
/// <param name="MaxOccupancy">Most blocks that one unit holds at once; 1 on a CPU.</param>
/// <param name="StopsAtYieldPoint">Running blocks stop within microseconds, so a long one cannot hold up real-time
/// work.</param>
public readonly record struct PaddingTraits(int Units, int MaxOccupancy, bool StopsAtYieldPoint);

/// <summary>The real-time kernel that is about to run.</summary>
/// <param name="Blocks">Blocks of its grid.</param>
/// <param name="ExpectedMicroseconds">Expected time of the whole kernel; 0 = unknown.</param>
/// <param name="MaxOccupancy">Most of its blocks that one unit holds.</param>
public readonly record struct PaddedKernel(int Blocks, double ExpectedMicroseconds, int MaxOccupancy);

/// <summary>The current kernel of a best-effort stream's first launch.</summary>
/// <param name="BlocksLeft">Blocks of it that nobody has started.</param>
/// <param name="Profile">Its pass times.</param>
public readonly record struct PaddingFront(int BlocksLeft, KernelProfile Profile);

/// <summary>Blocks of one best-effort kernel that may run beside the real-time kernel.</summary>
/// <param name="Front">Index of the front in the span that was offered.</param>
/// <param name="Blocks">How many of its blocks, at least 1.</param>
/// <param name="Occupancy">Blocks per unit.</param>
/// <param name="Units">Units they need.</param>
public readonly record struct PaddingGrant(int Front, int Blocks, int Occupancy, int Units);

/// <summary>How the units are divided while one real-time kernel runs.</summary>
/// <param name="RealTimeUnits">Units reserved for it: the fewest that keep its number of passes.</param>
/// <param name="Grants">How many grants were made; 0 = run it alone.</param>
public readonly record struct PaddingPlan(int RealTimeUnits, int Grants);

/// <summary>How the best-effort kernels of a plan are chosen.</summary>
public enum PaddingRule
{
    /// <summary>Fill the idle unit time best, with as many kernels as grants fit.</summary>
    BestFit,

    /// <summary>As REEF's released code: the first front that fits, alone, at its largest occupancy.</summary>
    FirstFit,
}
